import { type Problem, RuntimeError } from "../../core/errors.ts";
import { isLink, LINK_EXPECTED } from "../../core/link.ts";
import { isTimeZone } from "../../core/schedule.ts";
import { compileMessage, payloadsOf } from "../../core/variants.ts";
import type { AudienceStore } from "../../persistence/ports/audience.ts";
import type { Provider } from "../../providers/provider.ts";
import type { CampaignSpec } from "./messages.ts";

const DAY_MS = 24 * 3_600_000;

/** The ranges of a campaign's numbers, ends included. */
export const SPEC_LIMITS = {
  rate: { min: 0, max: 1_000_000 },
  workers: { min: 1, max: 64 },
  window: { min: 1, max: 10_000 },
  inFlight: { min: 1, max: 16 },
  ttlMs: { min: 0, max: 30 * DAY_MS },
} as const;

const NAME_LENGTH_MAX = 200;

/**
 * Everything about a spec that can be judged without the store.
 *
 * @throws RuntimeError `provider.unknown`; `campaign.invalid`, which names every field.
 */
export function checkSpec(spec: CampaignSpec, providers: ReadonlyMap<string, Provider>): void {
  const provider = providerOf(spec.provider, providers);
  const message = compileMessage(spec);
  const problems = [
    ...textProblems(spec),
    ...linkProblems(spec),
    ...numberProblems(spec),
    ...guaranteeProblems(spec, provider),
    ...scheduleProblems(spec),
    ...quietProblems(spec),
    ...limitProblems(spec),
    ...(message.ok ? payloadProblems(spec, provider) : message.error.problems),
  ];
  if (problems.length === 0) return;
  const list = problems.map(
    ({ path, expected, got }) => `${path}: expected ${expected}, got ${got}`,
  );
  throw new RuntimeError("campaign.invalid", list.join("; "), { problems });
}

/** @throws RuntimeError `provider.unknown`, which lists those there are. */
export function providerOf(name: string, providers: ReadonlyMap<string, Provider>): Provider {
  const provider = providers.get(name);
  if (provider !== undefined) return provider;
  const known = [...providers.keys()].sort().join(", ");
  throw new RuntimeError("provider.unknown", `there is no provider ${name}; there are: ${known}`, {
    problems: [{ path: "provider", expected: `one of ${known}`, got: name }],
  });
}

/**
 * The audience that a campaign is to have, which is frozen.
 *
 * @throws RuntimeError `audience.unknown`, `audience.not-ready`; both name the field.
 */
export async function checkAudience(
  id: string,
  audiences: Pick<AudienceStore, "read">,
): Promise<void> {
  const audience = await audiences.read(id);
  if (audience?.state === "finished") return;
  const problems = [{ path: "audience", expected: "the id of one that is finished", got: id }];
  if (audience === undefined) {
    throw new RuntimeError("audience.unknown", `there is no audience ${id}`, { problems });
  }
  const message = `audience ${id} is ${audience.state}, not finished`;
  throw new RuntimeError("audience.not-ready", message, { problems });
}

function textProblems(spec: CampaignSpec): Problem[] {
  return (["name", "topic"] as const)
    .filter((path) => spec[path] === "" || spec[path].length > NAME_LENGTH_MAX)
    .map((path) => ({
      path,
      expected: `1 to ${NAME_LENGTH_MAX} characters`,
      got: `${spec[path].length}`,
    }));
}

function linkProblems({ link }: CampaignSpec): Problem[] {
  if (link === undefined || isLink(link)) return [];
  return [{ path: "link", expected: LINK_EXPECTED, got: link.slice(0, 100) }];
}

function numberProblems(spec: CampaignSpec): Problem[] {
  return (Object.keys(SPEC_LIMITS) as (keyof typeof SPEC_LIMITS)[])
    .map((path) => ({ path, value: spec[path], ...SPEC_LIMITS[path] }))
    .filter(({ path, value, min, max }) => {
      const whole = path === "rate" || Number.isInteger(value);
      return !(whole && value >= min && value <= max);
    })
    .map(({ path, value, min, max }) => ({ path, expected: `${min} to ${max}`, got: `${value}` }));
}

function guaranteeProblems(spec: CampaignSpec, provider: Provider): Problem[] {
  const { idempotency, receipts } = provider.capabilities;
  const lacks = {
    "at-most-once": undefined,
    "at-least-once": undefined,
    key: idempotency === "key" ? undefined : "does not know repeated keys",
    receipt: receipts === "none" ? "gives no receipts" : undefined,
  }[spec.guarantee];
  if (lacks === undefined) return [];
  const expected = `another guarantee: ${provider.name} ${lacks}`;
  return [{ path: "guarantee", expected, got: spec.guarantee }];
}

function payloadProblems(spec: CampaignSpec, provider: Provider): readonly Problem[] {
  if (provider.payloadProblems === undefined) return [];
  return payloadsOf(spec).flatMap(([path, payload]) => provider.payloadProblems!(payload, path));
}

const LATENESS_MAX_MS = 30 * DAY_MS;

function scheduleProblems({ schedule }: CampaignSpec): Problem[] {
  if (schedule === undefined) return [];
  const problems = [
    inRange("schedule.maxLatenessMs", schedule.maxLatenessMs, { min: 0, max: LATENESS_MAX_MS }),
  ];
  if ("at" in schedule) {
    problems.push(inRange("schedule.at", schedule.at, { min: 0, max: 8.64e15 }));
  } else {
    const { local, defaultTimeZone } = schedule;
    const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(local) && isDate(local);
    const time = { path: "schedule.local", expected: "a time, as 2026-12-24T18:00", got: local };
    if (!isTime) problems.push(time);
    problems.push(zoneProblem("schedule.defaultTimeZone", defaultTimeZone));
  }
  return problems.filter((problem) => problem !== undefined);
}

/** A date that the calendar has: the 30th of February would silently become March. */
function isDate(local: string): boolean {
  const instant = Date.parse(`${local}Z`);
  return !Number.isNaN(instant) && new Date(instant).toISOString().startsWith(local);
}

function quietProblems({ quietHours }: CampaignSpec): Problem[] {
  if (quietHours === undefined) return [];
  const { from, to, zone } = quietHours;
  const problems: (Problem | undefined)[] = Object.entries({ from, to }).map(([name, time]) => {
    const path = `quietHours.${name}`;
    const isTime = /^([01]\d|2[0-3]):[0-5]\d$/.test(time);
    return isTime ? undefined : { path, expected: "a time of day, as 22:00", got: time };
  });
  if (from === to) {
    problems.push({ path: "quietHours.to", expected: "another time than from", got: to });
  }
  if (zone !== "member") problems.push(zoneProblem("quietHours.zone", zone));
  return problems.filter((problem) => problem !== undefined);
}

function zoneProblem(path: string, zone: string): Problem | undefined {
  return isTimeZone(zone) ? undefined : { path, expected: "an IANA time zone", got: zone };
}

function limitProblems({ cap, canary }: CampaignSpec): Problem[] {
  const problems = [
    cap && inRange("cap.max", cap.max, { min: 1, max: 1_000 }),
    cap && inRange("cap.perMs", cap.perMs, { min: 1_000, max: 31 * DAY_MS }),
    canary && inRange("canary.pages", canary.pages, { min: 1, max: 10_000 }),
    canary && inRange("canary.errorRateMax", canary.errorRateMax, { min: 0, max: 1 }),
    canary && inRange("canary.refusalRateMax", canary.refusalRateMax, { min: 0, max: 1 }),
  ];
  return problems.filter((problem) => problem !== undefined);
}

/** Shares may be broken, everything else is counted. */
function inRange(
  path: string,
  value: number,
  { min, max }: { readonly min: number; readonly max: number },
): Problem | undefined {
  const whole = max === 1 || Number.isInteger(value);
  if (whole && value >= min && value <= max) return undefined;
  return { path, expected: `${min} to ${max}`, got: `${value}` };
}
