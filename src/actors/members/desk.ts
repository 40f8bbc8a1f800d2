import { audiencesOf, type Condition } from "../../core/condition.ts";
import { explain } from "../../core/condition-words.ts";
import { type Problem, RuntimeError } from "../../core/errors.ts";
import { MEMBER_BUCKETS } from "../../core/member-rules.ts";
import { fail, ok } from "../../core/result.ts";
import type { AudienceStore } from "../../persistence/ports/audience.ts";
import type { MemberChange, MemberStore } from "../../persistence/ports/members.ts";
import type { SuppressionStore } from "../../persistence/ports/suppressions.ts";
import type { ActorType, Context } from "../kernel/actor.ts";
import { answer, type Forward } from "../kernel/answer.ts";
import { type BrowserDeps, listBrowsers, subscribe, unsubscribe } from "./browsers.ts";
import { type ChangeDecoder, memberImportActor, newMemberImport } from "./import.ts";
import { type Member, type MemberImport, type MemberMessage, memberDeskKind } from "./messages.ts";
import { invalid } from "./problems.ts";
import { isChange, readChange } from "./read-change.ts";

export interface MemberDeskDeps extends BrowserDeps {
  readonly members: MemberStore;
  readonly suppressions: SuppressionStore;
  readonly audiences: Pick<AudienceStore, "read">;
  /** A fresh decoder for one NDJSON upload: `jsonLines()` of `gateways/ndjson`. */
  readonly newDecoder: () => ChangeDecoder;
  /** Wall time, in milliseconds since the Unix epoch. */
  readonly now: () => number;
}

type Request<Type extends MemberMessage["type"]> = Extract<MemberMessage, { type: Type }>;

type Message = MemberMessage | Forward | { readonly type: "import-ended" };

type Ctx = Context<Message>;

interface DeskState {
  /** Imports begun so far, and under way. */
  readonly begun: number;
  readonly imports: number;
}

const IMPORTS_MAX = 8;
const BUSY_MS = 5_000;
const SAMPLE = 5;

export const newMemberDesk: DeskState = { begun: 0, imports: 0 };

/** The desk for everything that is known of members, and for what must not be sent to. */
export function memberDesk(deps: MemberDeskDeps): ActorType<DeskState, Message> {
  const { members, subscriptions, suppressions } = deps;
  return {
    label: "members",
    kind: memberDeskKind,
    restart: "permanent",
    behavior: (state, message, ctx) => {
      switch (message.type) {
        case "upsert-members":
          return answer(state, ctx, message, () => upsert(message.changes, deps));
        case "begin-member-import":
          return beginImport(state, message, deps, ctx);
        case "import-ended":
          return { ...state, imports: state.imports - 1 };
        case "read-member":
          return answer(state, ctx, message, () => mustRead(members, message.id));
        case "change-member":
          return answer(state, ctx, message, () => change(message, deps));
        case "remove-member":
          return answer(state, ctx, message, () => remove(message.id, deps));
        case "subscribe-browser":
          return answer(state, ctx, message, () => subscribe({ ...message, at: deps.now() }, deps));
        case "list-browsers":
          return answer(state, ctx, message, () => listBrowsers(message.id, subscriptions));
        case "unsubscribe-browsers": {
          const { id, endpoint } = message;
          return answer(state, ctx, message, () => unsubscribe(id, endpoint, subscriptions));
        }
        case "opt-out":
          return answer(state, ctx, message, () => optOut(message, deps));
        case "suppress": {
          const entries = message.entries.map((entry) => ({ ...entry, at: ctx.now }));
          return answer(state, ctx, message, async () => ({
            added: await suppressions.suppress(entries),
          }));
        }
        case "unsuppress":
          return answer(state, ctx, message, async () => ({
            removed: await suppressions.unsuppress(message.kind, message.value),
          }));
        case "list-suppressions":
          return answer(state, ctx, message, () => suppressions.list(message.request));
        case "preview":
          return answer(state, ctx, message, (signal) => preview(message, deps, signal));
        case "forward":
          message.reply(ctx);
          return state;
      }
    },
  };
}

function beginImport(
  state: DeskState,
  request: Request<"begin-member-import">,
  deps: MemberDeskDeps,
  ctx: Ctx,
): DeskState {
  if (state.imports >= IMPORTS_MAX) {
    const message = `${IMPORTS_MAX} imports of members are under way`;
    ctx.reply(request, fail(new RuntimeError("gateway.busy", message, { retryAfterMs: BUSY_MS })));
    return state;
  }
  const begun = state.begun + 1;
  const importing = ctx.spawn(memberImportActor(deps), {
    name: `import-${begun}`,
    state: newMemberImport(deps.newDecoder()),
  });
  ctx.watch(importing, () => ({ type: "import-ended" }));
  ctx.reply(request, ok(importing));
  return { begun, imports: state.imports + 1 };
}

async function upsert(values: readonly unknown[], deps: MemberDeskDeps): Promise<MemberImport> {
  const changes: MemberChange[] = [];
  const problems: Problem[] = [];
  for (const [index, value] of values.entries()) {
    const read = readChange(value);
    if (isChange(read)) changes.push(read);
    else problems.push({ ...read, path: pathOf(values, index, read.field) });
  }
  if (problems.length > 0) throw invalid(problems);
  const refused = await deps.members.upsert(changes, deps.now());
  if (refused.length > 0) {
    const expected = "attributes of at most 32 KB for one member";
    throw invalid(
      refused.map((index) => ({
        path: pathOf(values, index, "attributes"),
        expected,
        got: "more; the others are stored",
      })),
    );
  }
  const { length } = values;
  return { lines: length, stored: length, invalid: 0, errors: [] };
}

function pathOf(values: readonly unknown[], index: number, field: string): string {
  const path = values.length === 1 ? [field] : [String(index), field];
  return path.filter((part) => part !== "").join(".");
}

async function change(
  { id, change: given }: Request<"change-member">,
  deps: MemberDeskDeps,
): Promise<Member> {
  await mustRead(deps.members, id);
  await upsert([{ ...given, id }], deps);
  return mustRead(deps.members, id);
}

async function remove(
  id: string,
  { members, subscriptions }: MemberDeskDeps,
): Promise<{ readonly id: string }> {
  await subscriptions.forgetMember(id);
  if (await members.remove(id)) return { id };
  throw unknown(id);
}

async function optOut(
  { id, optedOut }: Request<"opt-out">,
  { members, now }: MemberDeskDeps,
): Promise<Member> {
  const read = readChange({ id });
  if (!isChange(read)) throw invalid([{ ...read, path: read.field }]);
  await members.optOut(id, { optedOut, at: now() });
  return mustRead(members, id);
}

async function preview(
  { condition, address }: Request<"preview">,
  { members, audiences, now }: MemberDeskDeps,
  signal: AbortSignal,
) {
  await requireAudiences(audiences, condition);
  const query = { condition, address, now: now() };
  const { eligible, ...excluded } = await members.count(query);
  const sample: string[] = [];
  const wanted = Math.min(SAMPLE, eligible);
  for (let bucket = 0; bucket < MEMBER_BUCKETS && sample.length < wanted; bucket += 1) {
    signal.throwIfAborted();
    const found = await members.scan(query, { bucket, limit: wanted });
    for (const { id } of found.members.slice(0, wanted - sample.length)) sample.push(id);
  }
  return { count: eligible, excluded, words: explain(condition), sample };
}

async function requireAudiences(
  audiences: Pick<AudienceStore, "read">,
  condition: Condition,
): Promise<void> {
  for (const id of audiencesOf(condition)) {
    const found = await audiences.read(id);
    if (found === undefined) {
      throw new RuntimeError("audience.unknown", `there is no audience ${id}`);
    }
    if (found.state !== "finished") {
      throw new RuntimeError("audience.not-ready", `audience ${id} is ${found.state}`);
    }
  }
}

async function mustRead(members: MemberStore, id: string): Promise<Member> {
  const member = await members.read(id);
  if (member !== undefined) return member;
  throw unknown(id);
}

function unknown(id: string): RuntimeError {
  return new RuntimeError("member.unknown", `there is no member ${id.slice(0, 128)}`);
}
