import type { AudienceMessage, ImportMessage } from "../../../src/actors/collect/messages.ts";
import type { ActorType, Context, Ref } from "../../../src/actors/kernel/actor.ts";
import type {
  Campaign,
  CampaignMessage,
  CampaignProgress,
} from "../../../src/actors/master/messages.ts";
import { RuntimeError } from "../../../src/core/errors.ts";
import { emptyLedger } from "../../../src/core/ledger.ts";
import { fail, ok, type Result } from "../../../src/core/result.ts";
import { noCounts } from "../../../src/core/send-counts.ts";
import type { Audience } from "../../../src/persistence/ports/audience.ts";

/** What the stand-ins have seen; a test may look at it and steer them by it. */
export interface Seen {
  chunks: number;
  bytes: number;
  largestChunk: number;
  aborts: string[];
  /** Takes chunks, and answers them only when it is called: a slow importer. */
  hold: ((go: () => void) => void) | undefined;
  subscribers: Set<Ref<CampaignProgress>>;
  progress: CampaignProgress;
  campaigns: number;
}

const campaign: Campaign = {
  id: "cam_1",
  name: "spring",
  audience: "aud_1",
  provider: "session",
  topic: "campaign",
  payload: { text: "hello" },
  ack: true,
  ttlMs: 1_000,
  rate: 0,
  workers: 2,
  window: 200,
  inFlight: 2,
  guarantee: "key",
  state: "ready",
  why: "created",
  epoch: 0,
  version: 1,
  run: { resumedAt: 0, canary: "none" },
  createdAt: 1,
  changedAt: 1,
};

export const firstProgress: CampaignProgress = {
  id: "cam_1",
  state: "started",
  why: "asked for",
  epoch: 1,
  collected: 10,
  sent: 0,
  acked: 0,
  inInbox: 0,
  rate: 0,
  etaMs: -1,
  pauseBound: 800,
  version: 1,
  counts: noCounts,
  arms: {},
  workerStates: [],
  oldestWindowMs: 0,
  opensAt: 0,
  ledger: emptyLedger,
  ledgerGap: 0,
  workers: 2,
  at: 1,
};

export function newSeen(): Seen {
  return {
    chunks: 0,
    bytes: 0,
    largestChunk: 0,
    aborts: [],
    hold: undefined,
    subscribers: new Set(),
    progress: firstProgress,
    campaigns: 0,
  };
}

const audience: Audience = {
  id: "aud_1",
  name: "customers",
  state: "finished",
  by: "test",
  why: "it was imported",
  changedAt: 1,
  epoch: 1,
  createdAt: 1,
  size: 2,
  pages: 1,
  pageSize: 1000,
  partitions: 1,
  lines: 2,
  duplicates: 0,
  invalid: 0,
  hash: "abc",
};

const unknownAudience = fail<never>(new RuntimeError("audience.unknown", "there is no such one"));
const unknownCampaign = fail<never>(new RuntimeError("campaign.unknown", "there is no such one"));

/** Speaks the audience desk's messages and counts what it is fed; it stores nothing. */
export function audienceStandIn(seen: Seen): ActorType<number, AudienceMessage> {
  return {
    label: "audience-stand-in",
    behavior(imports, message, ctx) {
      switch (message.type) {
        case "begin-import": {
          const options = { name: `import-${imports}`, state: { lines: 0 } };
          const target = ctx.spawn(importStandIn(message.name, seen), options);
          ctx.reply(message, ok({ audience: `aud_${imports}`, import: target }));
          return imports + 1;
        }
        case "create-audience":
        case "wait-audience":
        case "read-audience-progress":
        case "watch-audience":
          ctx.reply<Result<never>>(message, unknownAudience);
          return imports;
        case "command-audience": {
          const answer = ok({ before: "started", audience, changed: true } as const);
          ctx.reply(message, message.id === "aud_1" ? answer : unknownAudience);
          return imports;
        }
        case "list-audience-log": {
          const line = {
            from: "ready",
            to: "started",
            epoch: 1,
            by: "t",
            why: "w",
            at: 1,
          } as const;
          const found = ok({ items: [line], next: undefined });
          ctx.reply(message, message.id === "aud_1" ? found : unknownAudience);
          return imports;
        }
        case "import-list":
          ctx.reply(message, ok({ ...audience, size: message.recipients.length }));
          return imports;
        case "read-audience":
          ctx.reply(message, message.id === "aud_1" ? ok(audience) : unknownAudience);
          return imports;
        case "list-audiences":
          ctx.reply(message, ok({ items: [audience], next: undefined }));
          return imports;
        case "list-errors": {
          const item = { line: 3, field: "member", expected: "an id", got: "nothing" };
          const found = message.id === "aud_1" ? ok({ items: [item], next: "3" }) : unknownAudience;
          ctx.reply(message, found);
          return imports;
        }
      }
    },
  };
}

type ImportState = { readonly lines: number };

function importStandIn(name: string, seen: Seen): ActorType<ImportState, ImportMessage> {
  return {
    label: "import-stand-in",
    behavior(state, message, ctx) {
      switch (message.type) {
        case "chunk":
          return taken(state, message, seen, ctx);
        case "end": {
          const { lines } = state;
          const bad = new RuntimeError("audience.invalid", "no column member");
          ctx.reply(message, name === "bad" ? fail(bad) : ok({ ...audience, name, lines }));
          ctx.stop();
          return state;
        }
        case "abort":
          seen.aborts.push(message.why);
          ctx.stop();
          return state;
      }
    },
  };
}

function taken(
  { lines }: ImportState,
  message: Extract<ImportMessage, { type: "chunk" }>,
  seen: Seen,
  ctx: Context<ImportMessage>,
): ImportState {
  const { bytes } = message;
  seen.chunks += 1;
  seen.bytes += bytes.byteLength;
  seen.largestChunk = Math.max(seen.largestChunk, bytes.byteLength);
  let ends = 0;
  for (const byte of bytes) if (byte === 10) ends += 1;
  const next = { lines: lines + ends };
  const answer = ok({ lines: next.lines, invalid: 0 });
  if (seen.hold === undefined) ctx.reply(message, answer);
  else seen.hold(() => message.replyTo.send(answer));
  return next;
}

/** Speaks the campaign desk's messages for one campaign, `cam_1`. */
export function campaignStandIn(seen: Seen): ActorType<null, CampaignMessage> {
  return {
    label: "campaign-stand-in",
    behavior(state, message, ctx) {
      handle(message, seen, ctx);
      return state;
    },
  };
}

function handle(message: CampaignMessage, seen: Seen, ctx: Context<CampaignMessage>): void {
  const isKnown = !("id" in message) || message.id === "cam_1";
  switch (message.type) {
    case "create-campaign": {
      seen.campaigns += 1;
      const busy = new RuntimeError("store.unavailable", "the disk is full");
      const { spec } = message;
      const made = ok({ ...campaign, ...spec, id: `cam_${seen.campaigns}` });
      ctx.reply(message, spec.name === "unlucky" && seen.campaigns === 1 ? fail(busy) : made);
      return;
    }
    case "read-campaign":
      ctx.reply(message, isKnown ? ok({ campaign, progress: seen.progress }) : unknownCampaign);
      return;
    case "list-campaigns":
      ctx.reply(message, ok({ items: [campaign], next: undefined }));
      return;
    case "read-log": {
      const line = { from: "ready", to: "started", epoch: 1, by: "t", why: "w", at: 1 } as const;
      ctx.reply(message, isKnown ? ok({ items: [line], next: undefined }) : unknownCampaign);
      return;
    }
    case "command": {
      const refused = new RuntimeError("campaign.refused", "it is ready: only start is allowed");
      if (message.command === "resume") ctx.reply(message, fail(refused));
      else if (!isKnown) ctx.reply(message, unknownCampaign);
      else ctx.reply(message, ok({ before: "ready", campaign, changed: true }));
      return;
    }
    case "edit-campaign":
    case "tune-campaign":
      ctx.reply(message, isKnown ? ok(campaign) : unknownCampaign);
      return;
    case "list-versions": {
      const { id, state, why, epoch, version, run, createdAt, changedAt, ...spec } = campaign;
      const first = { version, spec, by: "t", why: "created", at: createdAt };
      ctx.reply(message, isKnown ? ok({ items: [first], next: undefined }) : unknownCampaign);
      return;
    }
    case "subscribe":
      if (isKnown) watch(message.subscriber, seen, ctx);
      ctx.reply(message, isKnown ? ok(seen.progress) : unknownCampaign);
      return;
    case "unsubscribe":
      seen.subscribers.delete(message.subscriber);
  }
}

/** As a campaign's master does, it forgets who has gone. */
function watch(subscriber: Ref<CampaignProgress>, seen: Seen, ctx: Context<CampaignMessage>): void {
  seen.subscribers.add(subscriber);
  ctx.watch(subscriber, () => {
    seen.subscribers.delete(subscriber);
    return { type: "unsubscribe", id: campaign.id, subscriber };
  });
}
