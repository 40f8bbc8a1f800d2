import { isFinal } from "../../core/task.ts";
import type { Campaign } from "../../persistence/ports/campaign.ts";
import type { Provider } from "../../providers/provider.ts";
import type { RecipientState, Remedy } from "./messages.ts";

/** What can be done about a recipient in this state, and what each of it means. */
export function remediesFor(
  state: RecipientState,
  campaign: Campaign,
  providers: ReadonlyMap<string, Provider>,
): readonly Remedy[] {
  switch (state) {
    case "unknown":
      return [
        { do: "resolve-delivered", means: "your provider's own records say that it went" },
        { do: "resolve-resend", means: resendMeans(providers.get(campaign.provider)) },
        { do: "resolve-give-up", means: "nothing more is sent; it counts as given up" },
      ];
    case "untouched":
    case "in-doubt":
      if (campaign.state === "pause") {
        return [{ do: "resume", means: "the campaign goes on where it was" }];
      }
      return isFinal(campaign.state) ? [] : [{ do: "wait", means: "the campaign is running" }];
    default:
      return [];
  }
}

function resendMeans(provider: Provider | undefined): string {
  if (provider?.capabilities.idempotency === "key") {
    return "sent again under the same id, which the provider recognizes: no second message";
  }
  return "sent again: whoever got it before gets it a second time";
}
