import { RuntimeError } from "../../core/errors.ts";
import type { Audience, Recipient } from "../../persistence/ports/audience.ts";
import type { ItemResult, ProviderItem } from "../../providers/provider.ts";
import { locate } from "./locate.ts";
import type { TestSent } from "./messages.ts";
import { rendererOf } from "./rendering.ts";
import { mustReadAudience, mustReadCampaign, type Request, type ReviewDeps } from "./state.ts";

/** The ledger that test messages count in. */
const LEDGER = "test";
const HAND_OFF_MS = 30_000;

interface Written {
  readonly member: string;
  readonly payload: string;
  readonly missing: string;
}

/**
 * Sends a campaign's message to a few chosen members, marked as a test, whatever its state. It
 * counts in the ledger `test`, touches no page, and goes to people outside the audience, too.
 *
 * @throws RuntimeError `campaign.unknown`, `provider.unknown`.
 */
export async function sendTest(
  request: Request<"send-test">,
  deps: ReviewDeps,
  signal: AbortSignal,
): Promise<readonly TestSent[]> {
  const { id, members, run = deps.newId(id) } = request;
  const campaign = await mustReadCampaign(deps, id);
  const audience = await mustReadAudience(deps, campaign);
  const provider = deps.providers.get(campaign.provider);
  if (provider === undefined) {
    throw new RuntimeError("provider.unknown", `there is no provider ${campaign.provider}`);
  }
  const render = rendererOf(campaign, id);
  // The control group gets nothing, but whoever is to test gets something.
  const fallback = rendererOf({ ...campaign, arms: [], controlPercent: 0 }, id);
  const written: Written[] = [];
  for (const member of new Set(members)) {
    const recipient = await recipientOf(deps, audience, member);
    const rendered = render(recipient).rendered ?? fallback(recipient).rendered;
    const payload = rendered?.ok === true ? markAsTest(rendered.text, id) : "";
    const missing = rendered?.ok === false ? rendered.missing : "";
    written.push({ member, payload, missing });
  }
  const { topic, ack, ttlMs } = campaign;
  const expiresAt = deps.clock.now() + ttlMs;
  const whole = written.filter(({ missing }) => missing === "");
  const items = whole.map(
    ({ member, payload }): ProviderItem => ({
      ...{ id: `test:${run}:${member}`, member, topic, payload, ack, expiresAt },
    }),
  );
  const deadline = deps.clock.monotonic() + HAND_OFF_MS;
  const options = { ledger: LEDGER, deadline, fence: 0, signal };
  const results = items.length === 0 ? [] : await provider.sendBatch(items, options);
  const byMember = new Map(whole.map(({ member }, at) => [member, results[at]]));
  return written.map((it) => reportOf(it, byMember.get(it.member)));
}

/** As in the audience, with their variables; somebody else has none. */
async function recipientOf(
  deps: ReviewDeps,
  audience: Audience,
  member: string,
): Promise<Recipient> {
  const place = await locate(deps.audiences, audience, member);
  return place?.page.recipients[place.index] ?? { member };
}

/** An object gets a field `test`; what is no object is wrapped in one. */
function markAsTest(payload: string, campaign: string): string {
  const test = JSON.stringify({ campaign });
  if (!payload.startsWith("{")) return `{"test":${test},"value":${payload}}`;
  return payload === "{}" ? `{"test":${test}}` : `{"test":${test},${payload.slice(1)}`;
}

function reportOf({ member, payload, missing }: Written, result: ItemResult | undefined): TestSent {
  if (missing !== "") {
    const reason = `the variable ${missing} has no value and no fallback`;
    return { member, status: "missing-variable", reason, payload };
  }
  return { member, status: result?.status ?? "unknown", reason: result?.reason ?? "", payload };
}
