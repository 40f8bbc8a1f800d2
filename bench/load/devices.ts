import { type Child, startChild } from "./child.ts";

/** One address has ports for 28 000 connections, and half of them may be in use. */
const ADDRESSES = Array.from({ length: 8 }, (_, index) => `127.0.0.${index + 2}`);

/** Starts a load process that holds `count` idle connections to the server, logged in or not. */
export async function openLoad(
  server: Child,
  { count, hasLogin }: { readonly count: number; readonly hasLogin: boolean },
): Promise<Child> {
  const port = await server.ask<number>({ type: "port" });
  const credentials = hasLogin
    ? await server.ask<string[]>({ type: "credentials", count })
    : undefined;
  const hellos = credentials?.map((credential) =>
    Buffer.from(JSON.stringify({ type: "hello", credential, device: "bench" })),
  );
  const load = await startChild(new URL("./load.ts", import.meta.url));
  const subprotocol = "herald.v1.json";
  await load.ask({ type: "open", port, count, subprotocol, addresses: ADDRESSES, hellos });
  return load;
}
