import type { Grants } from "../../src/core/device-request.ts";
import { type Child, startChild } from "./child.ts";

/** One address has ports for 28 000 connections, and half of them may be in use. */
const ADDRESSES = Array.from({ length: 8 }, (_, index) => `127.0.0.${index + 2}`);

/** One hello for each of `count` users, with credentials that the server has minted. */
export async function hellosOf(
  server: Child,
  count: number,
  grants?: Grants,
): Promise<Uint8Array[]> {
  const credentials = await server.ask<string[]>({ type: "credentials", count, grants });
  return credentials.map((credential) =>
    Buffer.from(JSON.stringify({ type: "hello", credential, device: "bench" })),
  );
}

/** Starts a load process that holds `count` idle connections, logged in if there are hellos. */
export async function openLoad(
  server: Child,
  { count, hellos }: { readonly count: number; readonly hellos: readonly Uint8Array[] | undefined },
): Promise<Child> {
  const port = await server.ask<number>({ type: "port" });
  const load = await startChild(new URL("./load.ts", import.meta.url));
  const subprotocol = "herald.v1.json";
  await load.ask({ type: "open", port, count, subprotocol, addresses: ADDRESSES, hellos });
  return load;
}
