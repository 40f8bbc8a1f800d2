import { Buffer } from "node:buffer";

/**
 * What to write in a form that uWebSockets.js 3.0.6 writes as UTF-8.
 *
 * It writes a string whose characters all fit Latin-1 as Latin-1, so that "é" is one byte and no
 * UTF-8. Plain ASCII is the same in both and is passed on as it is, since a copy costs more.
 */
export function wireText(content: string | Uint8Array): string | Uint8Array {
  if (typeof content !== "string" || Buffer.byteLength(content) === content.length) return content;
  return Buffer.from(content);
}
