import { type Problem, RuntimeError } from "./errors.ts";
import { hash32, sha256 } from "./hash.ts";
import { fail, ok, type Result } from "./result.ts";
import { compileTemplate, type Template, type Variables } from "./template.ts";

/** A payload and its versions by language; what is absent is the campaign's own. */
export interface Variant {
  /** JSON; a string value may hold `{{variable}}` or `{{variable|fallback}}`. */
  readonly payload?: unknown;
  /** By locale, as `pt-BR` or `pt`; a member's variable `locale` chooses. */
  readonly locales?: Readonly<Record<string, unknown>> | undefined;
}

/** One arm of an A/B test. */
export interface Arm extends Variant {
  readonly name: string;
  /** Share of the members, in per cent, above 0. */
  readonly percent: number;
}

/** What a campaign says, and to whom it says which. */
export interface MessageSpec extends Variant {
  readonly payload: unknown;
  /** A template of the field `link` in the payload, which is an object then. */
  readonly link?: string | undefined;
  /** Members in no arm get the default variant; the shares are 100 in all at most. */
  readonly arms?: readonly Arm[] | undefined;
  /** Share of the members that get nothing, in per cent, so that the effect can be measured. */
  readonly controlPercent?: number | undefined;
}

/** The arm of members that are in none of those named, in figures. */
export const DEFAULT_ARM = "default";
/** The members that get nothing. */
export const CONTROL = "control";

/** Shares are told apart to a hundredth of a per cent. */
const BUCKETS = 10_000;

/**
 * Which arm of a campaign a member is in: an arm's name, `default`, or `control`.
 *
 * By a hash of campaign and member: the same at every start, and independent of the member's
 * arm in any other campaign.
 */
export function armOf(
  spec: Pick<MessageSpec, "arms" | "controlPercent">,
  campaign: string,
  member: string,
): string {
  const { arms = [], controlPercent = 0 } = spec;
  if (arms.length === 0 && controlPercent === 0) return DEFAULT_ARM;
  const bucket = ((hash32(`${campaign}:${member}`) % BUCKETS) * 100) / BUCKETS;
  let end = controlPercent;
  if (bucket < end) return CONTROL;
  for (const { name, percent } of arms) {
    end += percent;
    // Sums of shares as 33.3 must not be a bucket short for the way numbers are kept.
    if (bucket < end - 1e-9) return name;
  }
  return DEFAULT_ARM;
}

/** What one member is to get. */
export interface Choice {
  readonly arm: string;
  /** The locale whose payload it is; undefined: the default one. */
  readonly locale: string | undefined;
  /** Undefined for the control group. */
  readonly template: Template | undefined;
}

/** A campaign's message, compiled. */
export interface Message {
  choose(campaign: string, member: string, variables: Variables | undefined): Choice;
}

/**
 * Compiles every variant of a message.
 *
 * Fails with `campaign.invalid`, which names each field that is wrong.
 */
export function compileMessage(spec: MessageSpec): Result<Message> {
  const problems: Problem[] = [...armProblems(spec), ...linkProblems(spec)];
  const own = compileVariant(spec, "", spec.link, problems);
  const arms = new Map<string, Compiled>();
  for (const [index, arm] of (spec.arms ?? []).entries()) {
    const { payload = spec.payload, locales } = arm;
    const isSame = arm.payload === undefined && locales === undefined;
    const variant = { payload, locales };
    const compile = () => compileVariant(variant, `arms.${index}.`, spec.link, problems);
    arms.set(arm.name, isSame ? own : compile());
  }
  if (problems.length > 0) {
    const list = problems.map(
      ({ path, expected, got }) => `${path}: expected ${expected}, got ${got}`,
    );
    return fail(new RuntimeError("campaign.invalid", list.join("; "), { problems }));
  }
  const splits = arms.size > 0 || (spec.controlPercent ?? 0) > 0;
  return ok({
    choose(campaign, member, variables) {
      const arm = splits ? armOf(spec, campaign, member) : DEFAULT_ARM;
      if (arm === CONTROL) return HELD;
      const compiled = arms.get(arm) ?? own;
      const [locale, template] = inLocale(compiled, variables);
      return { arm, locale, template };
    },
  });
}

const HELD: Choice = Object.freeze({ arm: CONTROL, locale: undefined, template: undefined });

/**
 * A hash over everything that members see: it changes with the message and nothing else.
 *
 * Keys of objects count in no order.
 */
export function templateHash(spec: MessageSpec & { readonly topic: string }): string {
  const { payload, locales, link, arms, controlPercent, topic } = spec;
  const hash = sha256();
  hash.add(JSON.stringify(sorted({ payload, locales, link, arms, controlPercent, topic })));
  return hash.end();
}

interface Compiled {
  readonly template: Template;
  /** By locale in lower case, with its name as it was given. */
  readonly locales: ReadonlyMap<string, readonly [name: string, template: Template]>;
}

function compileVariant(
  variant: Variant,
  prefix: string,
  link: string | undefined,
  problems: Problem[],
): Compiled {
  const compile = (payload: unknown, path: string): Template => {
    const whole = link === undefined ? payload : { ...(payload as object), link };
    const compiled = compileTemplate(whole, path);
    if (compiled.ok) return compiled.value;
    problems.push(...compiled.error.problems);
    return () => ({ ok: false, missing: path });
  };
  const locales = new Map<string, readonly [string, Template]>();
  for (const [name, payload] of Object.entries(variant.locales ?? {})) {
    const key = name.toLowerCase();
    const path = `${prefix}locales.${name}`;
    if (locales.has(key)) problems.push({ path, expected: "each locale once", got: name });
    locales.set(key, [name, compile(payload, path)]);
  }
  return { template: compile(variant.payload, `${prefix}payload`), locales };
}

/** The template for a member's locale: exactly that one, its language, or the default. */
function inLocale(
  { template, locales }: Compiled,
  variables: Variables | undefined,
): readonly [string | undefined, Template] {
  if (locales.size === 0 || variables === undefined) return [undefined, template];
  const locale = Object.hasOwn(variables, "locale") ? variables["locale"] : undefined;
  if (locale === undefined) return [undefined, template];
  const wanted = locale.toLowerCase().replaceAll("_", "-");
  return locales.get(wanted) ?? locales.get(wanted.split("-")[0]!) ?? [undefined, template];
}

function armProblems({ arms = [], controlPercent = 0 }: MessageSpec): Problem[] {
  const problems: Problem[] = [];
  const names = arms.map(({ name }) => name);
  for (const [index, { name, percent }] of arms.entries()) {
    const path = `arms.${index}`;
    if (name === CONTROL || name === DEFAULT_ARM) {
      const expected = `a name other than ${CONTROL} and ${DEFAULT_ARM}`;
      problems.push({ path: `${path}.name`, expected, got: name });
    }
    if (names.indexOf(name) !== index) {
      problems.push({ path: `${path}.name`, expected: "a name that no other arm has", got: name });
    }
    if (!(percent > 0 && percent <= 100)) {
      problems.push({ path: `${path}.percent`, expected: "above 0, up to 100", got: `${percent}` });
    }
  }
  const sum = arms.reduce((total, { percent }) => total + percent, controlPercent);
  if (!(controlPercent >= 0) || sum > 100 + 1e-9) {
    const expected = "shares of 100 per cent in all at most, with the control group";
    problems.push({ path: "arms", expected, got: `${sum}` });
  }
  return problems;
}

/** A link is a field of every payload, so each has to be an object that has none yet. */
function linkProblems(spec: MessageSpec): Problem[] {
  if (spec.link === undefined) return [];
  return ownPayloads(spec)
    .filter(([, it]) => typeof it !== "object" || it === null || Array.isArray(it) || "link" in it)
    .map(([path]) => ({ path, expected: "an object without a field link", got: "something else" }));
}

/** Every payload of a message as it is sent, by its path; of one that compiles. */
export function payloadsOf(spec: MessageSpec): readonly (readonly [path: string, unknown])[] {
  const { link } = spec;
  if (link === undefined) return ownPayloads(spec);
  return ownPayloads(spec).map(([path, it]) => [path, { ...(it as object), link }]);
}

function ownPayloads(spec: MessageSpec): [path: string, payload: unknown][] {
  const payloads: [string, unknown][] = [["payload", spec.payload]];
  const localesOf = ({ locales = {} }: Variant, prefix: string): void => {
    for (const [name, it] of Object.entries(locales))
      payloads.push([`${prefix}locales.${name}`, it]);
  };
  localesOf(spec, "");
  for (const [index, arm] of (spec.arms ?? []).entries()) {
    if (arm.payload !== undefined) payloads.push([`arms.${index}.payload`, arm.payload]);
    localesOf(arm, `arms.${index}.`);
  }
  return payloads;
}

/** The same value with the keys of its objects in order, and without undefined ones. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, it]) => it !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, it]) => [key, sorted(it)]));
}
