import type { Ref } from "../actors/kernel/actor.ts";
import type { RelationsMessage } from "../actors/relations/messages.ts";
import type { OpenSession } from "../actors/session/messages.ts";
import { systemClock } from "../core/clock.ts";
import { systemNewId, systemRandom } from "../core/random.ts";
import type { Bans } from "../gateways/bans.ts";
import { type ClassicGateway, openClassicGateway } from "../gateways/classic/gateway.ts";
import type { ClassicOptions } from "../gateways/classic/options.ts";
import { type ClassicUdpGateway, openClassicUdp } from "../gateways/classic/udp-gateway.ts";
import type { ListenerApp } from "../gateways/listener.ts";
import type { Base } from "./base.ts";
import { classicRegistry } from "./classic-registry.ts";
import type { Decisions } from "./platform.ts";

/** Opens `/ws` for classic devices where the configuration has it, before the app listens. */
export function openClassic(
  base: Base,
  shared: {
    readonly app: ListenerApp;
    readonly openSession: OpenSession;
    readonly bans: Bans;
  },
): ClassicGateway | undefined {
  const { app, bans } = shared;
  const options = classicOptions(base, shared.openSession);
  return options && openClassicGateway({ ...options, app, bans });
}

/** Opens the port for classic boards over UDP where the configuration has it. */
export async function openClassicBoards(
  base: Base,
  shared: {
    readonly openSession: OpenSession;
    readonly relations: Ref<RelationsMessage>;
    readonly classic: ClassicGateway | undefined;
    readonly bans: Bans;
    readonly chooseBoardId: Decisions["boardId"];
  },
): Promise<ClassicUdpGateway | undefined> {
  const { config, logger } = base;
  const { udpEnabled, udpHost: host = config.listen.host, udpPort: port } = config.classic;
  const options = classicOptions(base, shared.openSession);
  if (!udpEnabled || options === undefined) return undefined;
  const registry = await classicRegistry(base, shared.relations, shared.chooseBoardId);
  const findPhone = shared.classic?.findPhone;
  const { bans } = shared;
  const gateway = await openClassicUdp({
    ...options,
    ...{ host, port, registry, findPhone, bans, limits: config.classic },
  });
  logger.info("classic boards may come over UDP", { host, port: gateway.port });
  return gateway;
}

/** What both classic gateways are given; undefined when they are off. */
function classicOptions(
  { chronicle, config, logger, metrics }: Base,
  openSession: OpenSession,
): ClassicOptions | undefined {
  const { enabled, secret, idBits, phonesArePositive, slots: hasSlots } = config.classic;
  const { clockSkewSeconds, allowsNoClock } = config.classic;
  if (!enabled || secret === undefined) return undefined;
  return {
    space: { bits: idBits === 32 ? 32 : 64, phonesArePositive, hasSlots },
    login: { secret, skewMax: clockSkewSeconds, allowsNoClock },
    openSession,
    chronicle,
    limits: config.classic,
    clock: systemClock,
    random: systemRandom,
    newId: systemNewId,
    logger,
    metrics,
  };
}
