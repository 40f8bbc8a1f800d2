/**
 * The judge of a verification: a server of its own process that campaigns are sent to.
 *
 * It writes every message to its own log before it answers, and says what became of a run from
 * that log alone. Arguments: the log file, the port (0: any) and the seed of what it shuffles.
 */
import { openSync, readFileSync, writeSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { seededRandom } from "../../core/random.ts";
import { judge, type Logged, latestToTell } from "./judge.ts";
import type { Arrival, FromSink, SinkBehavior, ToSink } from "./protocol.ts";
import { ReceiptTeller } from "./receipt-teller.ts";

interface Batch {
  readonly ledger: string;
  readonly items: readonly { readonly id: string; readonly member: string }[];
}

/** Far more messages than wait to be told of when a sink dies. */
const TOLD_AGAIN = 20_000;

const [file = "", port = "0", seed = "0"] = process.argv.slice(2);
const log = openSync(file, "a", 0o600);
const untoldByEarlier = latestToTell(readFileSync(file, "utf8"), TOLD_AGAIN);
// What was cut short by the death of an earlier sink must not spoil the next line.
writeSync(log, "\n");

let behavior: SinkBehavior = { loseEvery: 0, receipts: undefined, areReceiptsTwisted: false };
/** Where in the count the losses begin, so that a short run has one, too. */
const FIRST_LOSS = 7;
let dying: "before" | "after" | "never" = "never";
let batches = 0;
let arrived = 0;
const waiting: number[] = [];
const receipts = new ReceiptTeller(() => behavior, seededRandom(Number(seed)));

const server = createServer((request, response) => void take(request, response));
server.keepAliveTimeout = 60_000;
server.listen(Number(port), "127.0.0.1", () => {
  say({ type: "listens", port: (server.address() as AddressInfo).port });
});
process.on("disconnect", () => process.exit(0));
process.on("message", (message: ToSink) => {
  switch (message.type) {
    case "behave":
      behavior = message.behavior;
      batches = 0;
      tellAgain();
      return;
    case "die":
      dying = message.when;
      return;
    case "next":
      waiting.push(message.id);
      return;
    case "count":
      say({ type: "answer", id: message.id, answer: arrivals() });
      return;
    case "judge": {
      const { id, question } = message;
      say({ type: "answer", id, answer: judge(readFileSync(file, "utf8"), question) });
    }
  }
});

/** A sink that died has what it had still to tell in its log, like a provider that keeps it. */
function tellAgain(): void {
  const ids = untoldByEarlier.splice(0);
  if (ids.length > 0) receipts.add(ids);
}

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of request) pieces.push(piece as Buffer);
  } catch {
    // The node died while it sent: half a request is no message.
    return;
  }
  const { ledger, items } = JSON.parse(Buffer.concat(pieces).toString("utf8")) as Batch;
  batches += 1;
  if (dying === "before") process.kill(process.pid, "SIGKILL");
  const tells = request.url === "/receipted";
  const entry: Logged = [ledger, items.map(({ id, member }) => [id, member] as const), tells];
  writeSync(log, `${JSON.stringify(entry)}\n`);
  arrived += items.length;
  tell();
  if (tells) receipts.add(items.map(({ id }) => id));
  if (dying === "after") process.kill(process.pid, "SIGKILL");
  if (behavior.loseEvery > 0 && batches % behavior.loseEvery === FIRST_LOSS) {
    request.socket.resetAndDestroy();
    return;
  }
  const results = items.map(({ id }) => ({ id, status: "ok" }));
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ results }));
}

function tell(): void {
  const answer = arrivals();
  for (const id of waiting.splice(0)) say({ type: "answer", id, answer });
}

function arrivals(): Arrival {
  return { at: Date.now(), arrived, told: receipts.told, untold: receipts.untold };
}

function say(message: FromSink): void {
  process.send?.(message);
}
