import type { Result } from "../../core/result.ts";
import type { ActorType } from "../kernel/actor.ts";
import { answer } from "../kernel/answer.ts";
import { outboxKind } from "./messages.ts";
import { grown, look, looked, readUploads, release, waited } from "./reading.ts";
import {
  type Ctx,
  type Desk,
  type Message,
  newOutbox,
  OUTBOX_LIMITS,
  type OutboxDeps,
  type OutboxFigures,
  type OutboxState,
  outboxFigures,
  type Pruned,
} from "./state.ts";

const MAILBOX_MAX = 10_000;

/** The outbox desk: consumers read and acknowledge through it, and what is old goes. */
export function outboxDesk(deps: OutboxDeps): ActorType<OutboxState, Message> {
  const limits = { ...OUTBOX_LIMITS, ...deps.limits };
  const desk: Desk = { ...deps, limits, figures: outboxFigures(deps.metrics) };
  const { store } = deps;
  return {
    label: "outbox",
    kind: outboxKind,
    onStart: { type: "start" },
    mailbox: { max: MAILBOX_MAX, overflow: "refuse" },
    restart: "permanent",
    behavior(state, message, ctx) {
      switch (message.type) {
        case "start":
          return prune(newOutbox(), desk, ctx);
        case "read-uploads":
          return readUploads(state, message, desk, ctx);
        case "looked":
          return looked(state, message, desk, ctx);
        case "grown":
          return grown(state, desk, ctx);
        case "look":
          return look(state, desk, ctx);
        case "waited":
          return waited(state, message.number, ctx);
        case "release":
          return release(state, ctx);
        case "ack-uploads":
          return answer(state, ctx, message, () => store.ack(message.consumer, message.upTo));
        case "view-outbox":
          return answer(state, ctx, message, async () => {
            const [consumers, ledger] = await Promise.all([store.consumers(), store.ledger()]);
            return { consumers, ledger };
          });
        case "forget-consumer":
          return answer(state, ctx, message, async () => ({
            changed: await store.forget(message.consumer),
          }));
        case "prune":
          return prune(state, desk, ctx);
        case "pruned":
          return pruned(state, message.outcome, desk, ctx);
        case "forward":
          message.reply(ctx);
          return state;
      }
    },
  };
}

function prune(state: OutboxState, { store, limits }: Desk, ctx: Ctx): OutboxState {
  const before = ctx.now - limits.retentionMs;
  ctx.perform(
    async () => ({
      count: await store.prune(before, limits.pruneMax),
      ledger: await store.ledger(),
    }),
    (outcome) => ({ type: "pruned", outcome }),
  );
  return state;
}

/** A batch that was full may have left some: it goes on, one step at a time. */
function pruned(state: OutboxState, outcome: Result<Pruned>, desk: Desk, ctx: Ctx): OutboxState {
  const { limits, logger, figures } = desk;
  if (outcome.ok) publish(outcome.value, figures);
  else logger.warn("old uploads are not deleted yet", { error: outcome.error.message });
  if (outcome.ok && outcome.value.count === limits.pruneMax) return prune(state, desk, ctx);
  ctx.setTimer("prune", limits.pruneEveryMs, { type: "prune" });
  return state;
}

function publish({ count, ledger }: Pruned, figures: OutboxFigures): void {
  figures.pruned.add(count);
  figures.ledger.accepted.set(ledger.accepted);
  figures.ledger.acked.set(ledger.acked);
  figures.ledger.waiting.set(ledger.waiting);
  figures.ledger.pruned.set(ledger.pruned);
}
