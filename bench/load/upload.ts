/** Uploads a file to a node, in a process of its own. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { request } from "node:http";
import { answerParent } from "./child.ts";

export interface UploadQuestion {
  readonly type: "upload";
  readonly url: string;
  readonly token: string;
  readonly file: string;
}

export interface UploadAnswer {
  readonly status: number;
  readonly body: string;
  /** From the first byte sent to the last one of the answer. */
  readonly ms: number;
}

async function upload({ url, token, file }: UploadQuestion): Promise<UploadAnswer> {
  const { size } = await stat(file);
  const startedAt = performance.now();
  const call = request(url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/x-ndjson",
      "content-length": String(size),
    },
  });
  createReadStream(file, { highWaterMark: 1 << 18 }).pipe(call);
  return new Promise((resolve, reject) => {
    call.on("error", reject);
    call.on("response", (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => void pieces.push(piece));
      response.on("end", () => {
        const body = Buffer.concat(pieces).toString("utf8");
        resolve({ status: response.statusCode ?? 0, body, ms: performance.now() - startedAt });
      });
    });
  });
}

answerParent({ upload });
