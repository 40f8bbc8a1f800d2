import type { Rendered } from "../../core/template.ts";
import { compileMessage } from "../../core/variants.ts";
import type { Recipient } from "../../persistence/ports/audience.ts";
import type { CampaignSpec } from "../../persistence/ports/campaign.ts";

/** What one recipient gets, and why that. */
export interface Variation {
  /** `default` without an A/B test; `control` gets nothing. */
  readonly arm: string;
  /** The locale whose payload was chosen; `default` for the one without. */
  readonly locale: string;
  /** Undefined for the control group. */
  readonly rendered: Rendered | undefined;
}

export type Render = (recipient: Recipient) => Variation;

const DEFAULT_LOCALE = "default";

/** Writes messages as the workers do. @throws RuntimeError `campaign.invalid`. */
export function rendererOf(spec: CampaignSpec, campaign: string): Render {
  const message = compileMessage(spec);
  if (!message.ok) throw message.error;
  return ({ member, vars }) => {
    const { arm, locale, template } = message.value.choose(campaign, member, vars);
    return { arm, locale: locale ?? DEFAULT_LOCALE, rendered: template?.(member, vars) };
  };
}
