import { createPublicKey, verify } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { type Browser, decrypt, newBrowser } from "./browser.ts";

/** A message as it arrived for one browser, decrypted. */
export interface Delivered {
  readonly endpoint: string;
  readonly headers: IncomingMessage["headers"];
  readonly claims: VapidClaims;
  readonly message: { readonly id: string; readonly [field: string]: unknown };
}

interface VapidClaims {
  readonly aud: string;
  readonly exp: number;
  readonly sub: string;
}

/** What a push service does with a message that is as it should be. */
export type Behavior = (response: ServerResponse, delivered: Delivered) => void;

export const created: Behavior = (response, { endpoint }) => {
  response.writeHead(201, { location: `${endpoint}/m` }).end();
};

/**
 * A push service on loopback, strict where real ones are: a request that is not as the RFCs say
 * is answered with 400 and kept in `faults`.
 */
export async function startPushService(publicKey: string, behavior: Behavior = created) {
  const browsers = new Map<string, Browser>();
  const delivered: Delivered[] = [];
  const faults: string[] = [];
  const waiting: (() => void)[] = [];
  const service = { behavior, connections: 0 };
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    try {
      const endpoint = `${origin()}${request.url}`;
      const browser = browsers.get(endpoint);
      if (browser === undefined) return void response.writeHead(404).end("no such subscription");
      const claims = verified(request, origin(), publicKey);
      const text = decrypt(Buffer.concat(pieces), browser);
      const one = { endpoint, headers: request.headers, claims, message: JSON.parse(text) };
      delivered.push(one);
      for (const resolve of waiting.splice(0)) resolve();
      service.behavior(response, one);
    } catch (error) {
      faults.push(String(error));
      response.writeHead(400).end(String(error));
    }
  });
  server.on("connection", () => {
    service.connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const origin = () => `http://127.0.0.1:${port}`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    origin: origin(),
    delivered,
    faults,
    connections: () => service.connections,
    set behavior(next: Behavior) {
      service.behavior = next;
    },
    /** A browser subscribes; what its page would send to a server of its own. */
    subscribe(name: string) {
      const browser = newBrowser();
      const endpoint = `${origin()}/push/${name}`;
      browsers.set(endpoint, browser);
      return { endpoint, keys: browser.keys };
    },
    unsubscribe: (endpoint: string) => browsers.delete(endpoint),
    /** Resolves when so many messages have arrived. */
    async arrived(count: number): Promise<void> {
      while (delivered.length < count) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

/** Checks the headers as RFC 8030, 8188 and 8292 want them; returns what the token claims. */
function verified(request: IncomingMessage, origin: string, publicKey: string): VapidClaims {
  const { headers, method } = request;
  const need = (isGood: boolean, what: string): void => {
    if (!isGood) throw new Error(`bad ${what}: ${method} ${JSON.stringify(headers)}`);
  };
  need(method === "POST", "method");
  need(headers["content-encoding"] === "aes128gcm", "content-encoding");
  need(/^\d+$/.test(String(headers["ttl"])), "ttl");
  need(/^(very-low|low|normal|high)$/.test(String(headers["urgency"])), "urgency");
  need(/^[A-Za-z0-9_-]{1,32}$/.test(String(headers["topic"])), "topic");
  const [, token, key] = /^vapid t=([^,]+), ?k=(\S+)$/.exec(headers.authorization ?? "") ?? [];
  need(key === publicKey, "key");
  const [header, payload, signature] = token!.split(".");
  need(isSigned(`${header}.${payload}`, signature!, key!), "signature");
  const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  need(read(header!).alg === "ES256", "algorithm");
  const claims = read(payload!) as VapidClaims;
  const leftSeconds = claims.exp - Date.now() / 1000;
  need(claims.aud === origin, "audience");
  need(leftSeconds > 0 && leftSeconds <= 86_400, "expiry");
  need(/^(mailto:|https:)/.test(claims.sub), "subject");
  return claims;
}

function isSigned(text: string, signature: string, publicKey: string): boolean {
  const point = Buffer.from(publicKey, "base64url");
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((it) => it.toString("base64url"));
  const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x: x!, y: y! }, format: "jwk" });
  const given = Buffer.from(signature, "base64url");
  return verify("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }, given);
}
