/** A job per recipient with BullMQ on Redis: what one would write without Herald. */
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { startChild } from "../load/child.ts";
import type { RedisAnswer, RedisQuestion } from "./redis.ts";

/** Jobs that go to Redis in one command, as its documents advise. */
const BULK = 1_000;
const CONCURRENCY = 100;
const PREFIX = "campaign";

export interface BullmqFound {
  /** Jobs per second from the first one added until the last is done. */
  readonly perSecond: number;
  /** Of the same, from the first worker's start. */
  readonly workedPerSecond: number;
}

/** Sends to nobody, as the `null` provider; the reason where there is no Redis to be had. */
export async function perJob(folder: string, jobs: number): Promise<BullmqFound | string> {
  const redis = await startChild(new URL("./redis.ts", import.meta.url));
  try {
    const question: RedisQuestion = { type: "start", folder };
    const answer = await redis.ask<RedisAnswer>(question);
    return "why" in answer ? answer.why : await measure(answer.path, jobs);
  } finally {
    await redis.ask({ type: "end" });
    await redis.stop();
  }
}

async function measure(path: string, jobs: number): Promise<BullmqFound> {
  const connection = new Redis({ path, maxRetriesPerRequest: null });
  const options = { connection, prefix: PREFIX };
  const queue = new Queue("push", options);
  const isDone = Promise.withResolvers<void>();
  let done = 0;
  const send = async (): Promise<void> => {
    done += 1;
    if (done === jobs) isDone.resolve();
  };
  try {
    const startedAt = performance.now();
    for (let from = 0; from < jobs; from += BULK) await queue.addBulk(bulk(from, jobs));
    const addedAt = performance.now();
    const worker = new Worker("push", send, { ...options, concurrency: CONCURRENCY });
    worker.on("error", isDone.reject);
    await isDone.promise.finally(() => worker.close());
    const endedAt = performance.now();
    return {
      perSecond: (jobs / (endedAt - startedAt)) * 1_000,
      workedPerSecond: (jobs / (endedAt - addedAt)) * 1_000,
    };
  } finally {
    await queue.close();
    connection.disconnect();
  }
}

function bulk(from: number, jobs: number) {
  return Array.from({ length: Math.min(BULK, jobs - from) }, (_, index) => {
    const member = `user-${from + index}`;
    const data = { member, title: "Hello Ada", body: "Something new in Springfield" };
    return { name: "push", data, opts: { removeOnComplete: true } };
  });
}
