import type { Random } from "../../src/core/random.ts";
import { bytes, pick, spoilt } from "./garbage-frames.ts";

type Maker = (random: Random, token: string) => string | Uint8Array;

const PATHS = [
  "/v1/audiences?name=x",
  "/v1/campaigns",
  "/v1/push",
  "/v1/tokens",
  "/",
  "/v1/connect",
];
const METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];

/** Requests that break a rule of HTTP or of the API. They may be whole. */
const WRONG: readonly Maker[] = [
  (random) => bytes(random, 400),
  (random) => `${"G".repeat(Math.floor(random() * 9_000))} / HTTP/1.1\r\nHost: x\r\n\r\n`,
  (random) => `GET /${"%".repeat(Math.floor(random() * 300))} HTTP/1.1\r\nHost: x\r\n\r\n`,
  (random) => `GET /${"a".repeat(Math.floor(random() * 30_000))} HTTP/1.1\r\nHost: x\r\n\r\n`,
  (random) => `GET / HTTP/${pick(random, ["9.9", "1.2", "x", ""])}\r\nHost: x\r\n\r\n`,
  () => "GET / HTTP/1.1\r\n\r\n",
  () => "GET / HTTP/1.1\nHost: x\n\n",
  (random) => `GET / HTTP/1.1\r\nHost: x\r\n${"X-A: b\r\n".repeat(Math.floor(random() * 300))}\r\n`,
  (random) => `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${"b".repeat(random() * 30_000)}\r\n\r\n`,
  () => "GET / HTTP/1.1\r\nHost: x\r\n folded: value\r\n\r\n",
  () => "GET / HTTP/1.1\r\nHost : x\r\nNo-Colon\r\n\r\n",
  () => "GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n",
  (random, token) => post(token, "/v1/push", "{}", `Content-Length: ${oddLength(random)}`),
  (random, token) =>
    post(token, "/v1/push", `${pick(random, ["zz", "-1", "ffffffffff"])}\r\nabc\r\n`, CHUNKED),
  (_, token) => post(token, "/v1/push", "0\r\n\r\nGET / HTTP/1.1\r\n\r\n", `${CHUNKED}\r\n${TWO}`),
  (random, token) => whole(token, "/v1/push", JSON.stringify({ to: random() })),
  (random, token) => whole(token, "/v1/campaigns", "[".repeat(random() * 9_000)),
  (random, token) => whole(token, pick(random, PATHS), Buffer.from(bytes(random, 99)).toString()),
  (random, token) => whole(spoilt(token, random), "/v1/tokens", '{"kind":"api"}'),
  () => upgrade("Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n"),
  () => upgrade("Sec-WebSocket-Version: 99\r\nSec-WebSocket-Protocol: other\r\n"),
];

/** Requests as they should be, to be cut off somewhere. */
const WHOLE: readonly Maker[] = [
  (random, token) =>
    `${pick(random, METHODS)} ${pick(random, PATHS)} HTTP/1.1\r\nHost: x\r\n` +
    `Authorization: Bearer ${token}\r\n\r\n`,
  (_, token) =>
    whole(token, "/v1/push", '{"to":["user:garbage"],"topic":"t","payload":{"a":1},"ack":false}'),
  (random, token) =>
    whole(token, "/v1/audiences?name=cut", `member\n${"m-1\n".repeat(random() * 900)}`, "text/csv"),
  (_, token) => post(token, "/v1/push", "1f\r\n{}", CHUNKED),
  (_, token) =>
    `GET /v1/campaigns/cmp_1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  () => "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(5),
  () => upgrade(`Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n${PROTOCOL}`),
];

const CHUNKED = "Transfer-Encoding: chunked";
const TWO = "Content-Length: 4";
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const PROTOCOL = "Sec-WebSocket-Protocol: herald.v1.json\r\n";

/** One request that is cut off, wrong, or both. */
export function garbageRequest(random: Random, token: string): Uint8Array {
  const isCut = random() < 0.7;
  const made = Buffer.from(pick(random, isCut ? [...WHOLE, ...WRONG] : WRONG)(random, token));
  return isCut ? made.subarray(0, Math.floor(random() * made.length)) : made;
}

/** The first bytes of a device's connection. */
export function handshake(subprotocol: string): string {
  const protocol = `Sec-WebSocket-Protocol: ${subprotocol}\r\n`;
  return upgrade(`Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n${protocol}`);
}

function whole(token: string, path: string, body: string, type = "application/json"): string {
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  return post(token, path, body, `${length}\r\nContent-Type: ${type}`);
}

function post(token: string, path: string, body: string, header: string): string {
  const authorization = `Authorization: Bearer ${token}`;
  return `POST ${path} HTTP/1.1\r\nHost: x\r\n${authorization}\r\n${header}\r\n\r\n${body}`;
}

function upgrade(headers: string): string {
  return (
    "GET /v1/connect HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
    `${headers}\r\n`
  );
}

function oddLength(random: Random): string {
  return pick(random, ["-1", "x", "1, 2", "99999999999999999999", "1e3", "0x10", "1000000", ""]);
}
