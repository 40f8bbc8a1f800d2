import { Buffer } from "node:buffer";
import type { Push } from "../../actors/session/messages.ts";
import type { Publication } from "../../actors/topic/messages.ts";
import { ok } from "../../core/result.ts";
import { readClientFrame } from "./client-frame.ts";
import type { Codec, Decoded, Encoded } from "./codec.ts";
import { refuse } from "./fields.ts";
import { type ServerFrame, SUBPROTOCOLS } from "./frames.ts";
import { readHot } from "./hot-json.ts";
import { findTrouble } from "./json-trouble.ts";

/** The frames as JSON texts, one in a text message. */
export const jsonCodec: Codec = {
  subprotocol: SUBPROTOCOLS.json,
  binary: false,
  decode,
  encode: (frame: ServerFrame): Encoded => JSON.stringify(frame),
  encodePong,
  encodePush,
  encodePublication,
};

/** A byte order mark is not JSON, and is not taken away. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: ArrayBuffer): Decoded {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    const hot = readHot(text);
    if (hot !== undefined) return ok(hot);
    value = JSON.parse(text);
  } catch {
    return refuse("", "a JSON text in UTF-8", "something else");
  }
  const trouble = findTrouble(value, 1);
  if (trouble !== undefined) return refuse("", trouble, "other");
  return readClientFrame(value);
}

function encodePong(id: number, data: unknown): Encoded {
  if (data === undefined) return `{"type":"pong","id":${id}}`;
  return `{"type":"pong","id":${id},"data":${JSON.stringify(data)}}`;
}

function encodePush(push: Push, redelivered: boolean): Encoded {
  if (push.offset !== undefined) return pushText(push, redelivered);
  push.wire.json ??= Buffer.from(pushText(push, false));
  return push.wire.json;
}

/** The payload is JSON text already and is spliced in, not parsed again. */
function pushText(push: Push, redelivered: boolean): string {
  const { id, offset, topic, payload, ack, expiresAt } = push;
  const place = offset === undefined ? "" : `,"offset":${offset}`;
  const again = redelivered ? ',"redelivered":true' : "";
  return (
    `{"type":"push","id":${JSON.stringify(id)}${place},"topic":${JSON.stringify(topic)}` +
    `,"ack":${ack},"expiresAt":${expiresAt}${again},"payload":${payload}}`
  );
}

function encodePublication(publication: Publication, lost: number): Encoded {
  if (lost > 0) return publicationText(publication, lost);
  publication.wire.json ??= Buffer.from(publicationText(publication, 0));
  return publication.wire.json;
}

function publicationText(publication: Publication, lost: number): string {
  const { topic, offset, from, payload } = publication;
  const sender = from === undefined ? "" : `,"from":${JSON.stringify(from)}`;
  const gone = lost > 0 ? `,"lost":${lost}` : "";
  return (
    `{"type":"publication","topic":${JSON.stringify(topic)},"offset":${offset}` +
    `${sender}${gone},"payload":${payload}}`
  );
}
