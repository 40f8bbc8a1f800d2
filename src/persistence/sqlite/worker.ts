/** The storage thread: the only one that touches the database, and that waits for the disk. */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { audienceOperations } from "./audience.ts";
import { AudienceMembers } from "./audience-members.ts";
import { auditOperations } from "./audit.ts";
import { campaignOperations } from "./campaign.ts";
import { collectionOperations } from "./collections.ts";
import { credentialOperations } from "./credentials.ts";
import type { Database } from "./database.ts";
import { asFailure, commitTogether, type Operations } from "./group-commit.ts";
import { inboxOperations } from "./inbox.ts";
import { memberOperations } from "./members.ts";
import { numberedOperations } from "./numbered.ts";
import { openDatabase } from "./open-database.ts";
import { outboxOperations } from "./outbox.ts";
import { receiptOperations } from "./receipts.ts";
import { relationOperations } from "./relations.ts";
import { requestOperations } from "./requests.ts";
import { subscriptionOperations } from "./subscriptions.ts";
import { suppressionOperations } from "./suppressions.ts";
import type { Call, FromStorage, StorageOptions, ToStorage } from "./wire.ts";

/** Calls in one transaction, about; more wait for the next, so that no answer waits long. */
const CALLS_PER_COMMIT_MAX = 4_096;
/**
 * Calls of some milliseconds that come one after the other in bulk. Each ends its transaction: it
 * is answered while the next one runs, so that both threads work at the same time.
 */
const BULK = new Set(["members.upsert", "members.scan", "members.countIn", "collections.addPart"]);

function operationsOf(database: Database, options: StorageOptions): Operations {
  const audiences = audienceOperations(database);
  const frozen = new AudienceMembers(database);
  const ports = {
    audiences,
    audit: auditOperations(database),
    campaigns: campaignOperations(database),
    collections: collectionOperations(database, audiences, frozen),
    credentials: credentialOperations(database),
    inbox: inboxOperations(database, options.inbox),
    members: memberOperations(database, frozen),
    numbered: numberedOperations(database),
    outbox: outboxOperations(database),
    receipts: receiptOperations(database),
    relations: relationOperations(database),
    requests: requestOperations(database),
    suppressions: suppressionOperations(database),
    subscriptions: subscriptionOperations(database),
  };
  return new Map(
    Object.entries(ports).flatMap(([port, operations]) =>
      Object.entries(operations).map(([name, run]) => [`${port}.${name}`, run] as const),
    ),
  );
}

/** The calls in their order, in as many transactions as they take. */
function cutAfterBulk(calls: readonly Call[]): readonly (readonly Call[])[] {
  const parts: (readonly Call[])[] = [];
  let start = 0;
  for (const [index, [operation]] of calls.entries()) {
    if (index + 1 < calls.length && !BULK.has(operation)) continue;
    parts.push(calls.slice(start, index + 1));
    start = index + 1;
  }
  return parts;
}

function start(): void {
  const port = parentPort;
  if (port === null) throw new Error("worker.ts runs in a worker thread only");
  const say = (message: FromStorage): void => port.postMessage(message);
  const options = workerData as StorageOptions;

  let database: Database;
  try {
    database = openDatabase(options);
  } catch (thrown) {
    say({ type: "refused", failure: asFailure(thrown) });
    return;
  }
  const operations = operationsOf(database, options);

  const handle = (first: ToStorage): void => {
    const calls: Call[] = [];
    let message: ToStorage | undefined = first;
    while (message?.type === "calls") {
      for (const call of message.calls) calls.push(call);
      if (calls.length >= CALLS_PER_COMMIT_MAX) break;
      message = receiveMessageOnPort(port)?.message as ToStorage | undefined;
    }
    for (const together of cutAfterBulk(calls)) {
      say({ type: "answers", answers: commitTogether(database, operations, together) });
    }
    if (message?.type !== "close") return;
    database.close();
    // Nothing is left to wait for, so the thread ends.
    port.close();
  };
  port.on("message", handle);
  say({ type: "opened", operations: [...operations.keys()] });
}

start();
