import type { OpenSession } from "../actors/session/messages.ts";
import { systemClock } from "../core/clock.ts";
import { systemNewId, systemRandom } from "../core/random.ts";
import { type ClassicGateway, openClassicGateway } from "../gateways/classic/gateway.ts";
import type { ClassicOptions } from "../gateways/classic/options.ts";
import type { ListenerApp } from "../gateways/listener.ts";
import type { Base } from "./base.ts";

/** Opens `/ws` for classic devices where the configuration has it, before the app listens. */
export function openClassic(
  base: Base,
  shared: { readonly app: ListenerApp; readonly openSession: OpenSession },
): ClassicGateway | undefined {
  const options = classicOptions(base, shared.openSession);
  return options && openClassicGateway({ ...options, app: shared.app });
}

/** What both classic gateways are given; undefined when they are off. */
function classicOptions(
  { config, logger, metrics }: Base,
  openSession: OpenSession,
): ClassicOptions | undefined {
  const { enabled, secret, idBits, phonesArePositive, clockSkewSeconds, allowsNoClock } =
    config.classic;
  if (!enabled || secret === undefined) return undefined;
  return {
    space: { bits: idBits === 32 ? 32 : 64, phonesArePositive },
    login: { secret, skewMax: clockSkewSeconds, allowsNoClock },
    openSession,
    limits: config.classic,
    clock: systemClock,
    random: systemRandom,
    newId: systemNewId,
    logger,
    metrics,
  };
}
