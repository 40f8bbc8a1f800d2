/** A user's own server: takes every batch, and says `ok` of every item. Prints its port. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const server = createServer((request, response) => {
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => pieces.push(piece));
  request.on("end", () => {
    const batch = JSON.parse(Buffer.concat(pieces).toString("utf8")) as { items: Item[] };
    const results = batch.items.map(({ id }) => ({ id, status: "ok" }));
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ results }));
  });
});

interface Item {
  readonly id: string;
}

// Its end of the pipe closes when whoever started this goes away.
process.stdin.resume().on("end", () => process.exit());
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
