import { type Problem, RuntimeError } from "../../core/errors.ts";
import { compileTemplate } from "../../core/template.ts";
import type { Provider } from "../../providers/provider.ts";
import type { CampaignSpec } from "./messages.ts";

/** The ranges of a campaign's numbers, ends included. */
export const SPEC_LIMITS = {
  rate: { min: 0, max: 1_000_000 },
  workers: { min: 1, max: 64 },
  window: { min: 1, max: 10_000 },
  inFlight: { min: 1, max: 16 },
  ttlMs: { min: 0, max: 30 * 24 * 3_600_000 },
} as const;

const NAME_LENGTH_MAX = 200;

/**
 * Everything about a spec that can be judged without the store.
 *
 * @throws RuntimeError `provider.unknown`; `campaign.invalid`, which names every field.
 */
export function checkSpec(spec: CampaignSpec, providers: ReadonlyMap<string, Provider>): void {
  const provider = providerOf(spec.provider, providers);
  const template = compileTemplate(spec.payload);
  const problems = [
    ...textProblems(spec),
    ...numberProblems(spec),
    ...guaranteeProblems(spec, provider),
    ...(template.ok ? [] : template.error.problems),
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
  throw new RuntimeError("provider.unknown", `there is no provider ${name}; there are: ${known}`);
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
  if (spec.guarantee !== "key" || provider.capabilities.idempotency === "key") return [];
  const expected = `at-most-once or at-least-once: ${provider.name} does not know repeated keys`;
  return [{ path: "guarantee", expected, got: "key" }];
}
