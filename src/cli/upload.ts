import { once } from "node:events";
import { createReadStream, statSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { RuntimeError } from "../core/errors.ts";

export interface Upload {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly file: string;
  readonly mediaType: string;
  /** Told of the bytes on their way so far. */
  readonly sent: (bytes: number) => void;
}

export interface UploadAnswer {
  readonly status: number;
  readonly text: string;
}

const CHUNK_BYTES = 256 * 1024;
/**
 * How long a node is given to refuse what it has seen the beginning of, in milliseconds. One that
 * refuses closes the connection, and what is on its way then would cost us the answer.
 */
const REFUSAL_MS = 250;

/**
 * Streams a file as the body of a POST and returns the answer, also one that comes early.
 *
 * @throws RuntimeError `cli.invalid` when the file cannot be read; else what the connection said.
 */
export async function upload({
  url,
  headers,
  file,
  mediaType,
  sent,
}: Upload): Promise<UploadAnswer> {
  const size = statSync(file).size;
  const call = request(url, {
    method: "POST",
    headers: { ...headers, "content-type": mediaType, "content-length": String(size) },
  });
  let isAnswered = false;
  const answer = once(call, "response").then(([response]) => {
    isAnswered = true;
    // At once: a request that is destroyed drops what nobody has begun to read.
    return read(response as IncomingMessage);
  });
  async function* parts(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    for await (const chunk of source) {
      if (isAnswered) return;
      yield chunk;
      if (bytes === 0 && chunk.length < size)
        await Promise.race([answer, delay(REFUSAL_MS, undefined, { ref: false })]);
      bytes += chunk.length;
      sent(bytes);
    }
  }
  const reading = createReadStream(file, { highWaterMark: CHUNK_BYTES });
  const written = pipeline(reading, parts, call).catch((cause: unknown) => {
    if (isAnswered) return;
    if (reading.errored === null || reading.errored !== cause) throw cause;
    throw new RuntimeError("cli.invalid", `cannot read ${file}: ${String(cause)}`, { cause });
  });
  // Whichever fails first says why; the other must not fail unheard.
  const [told] = await Promise.all([answer, written]);
  return told;
}

async function read(response: IncomingMessage): Promise<UploadAnswer> {
  response.setEncoding("utf8");
  let text = "";
  response.on("data", (part: string) => {
    text += part;
  });
  await once(response, "end");
  return { status: response.statusCode ?? 0, text };
}
