import { randomBytes } from "node:crypto";
import type { Ref } from "../actors/kernel/actor.ts";
import type { RelationsMessage } from "../actors/relations/messages.ts";
import type { OpenSession, SessionMessage } from "../actors/session/messages.ts";
import type { SecretVersion } from "../actors/session/state.ts";
import { boardOf } from "../core/address.ts";
import { systemClock } from "../core/clock.ts";
import { deviceSecret, readSecret, type SecretOwner } from "../core/device-secret.ts";
import { systemNewId, systemRandom } from "../core/random.ts";
import type { ResumeTokens } from "../gateways/auth/resume-tokens.ts";
import type { Bans } from "../gateways/bans.ts";
import type { PeerPort } from "../gateways/http/api.ts";
import { openUdpGateway, type UdpGateway } from "../gateways/udp/gateway.ts";
import type { UdpOptions } from "../gateways/udp/options.ts";
import type { Base } from "./base.ts";
import { boardRegistry, peerPort } from "./peers.ts";
import type { Decisions } from "./platform.ts";
import { openSecretVersions } from "./relations.ts";

const SECRET_BYTES = 32;

/** What the gateway shares with the other gateways of devices. */
interface Shared {
  readonly relations: Ref<RelationsMessage>;
  readonly deviceSecret: (owner: SecretOwner) => string;
  readonly openSession: OpenSession;
  readonly findSession: (id: string) => Ref<SessionMessage> | undefined;
  readonly resumeTokens: ResumeTokens;
  readonly bans: Bans;
  readonly chooseBoardId: Decisions["boardId"];
}

/** The gateway, and what it knows of where devices are. */
interface OpenedUdp {
  readonly gateway: UdpGateway;
  readonly peers: PeerPort;
}

/** Opens the UDP gateway where the configuration has one. */
export async function openUdp(base: Base, shared: Shared): Promise<OpenedUdp | undefined> {
  const { chronicle, config, logger, metrics, stores, system } = base;
  const { enabled, host = config.listen.host, port, provisioning, ...limits } = config.udp;
  if (!enabled) return undefined;
  const { bans, relations, openSession, findSession, resumeTokens } = shared;
  const peers = peerPort(base, relations, (principal, device) =>
    gateway.findPeer(principal, device),
  );
  const gateway = await openUdpGateway({
    ...{ bans, openSession, findSession, resumeTokens },
    introduce: peers.introduce,
    registerBoard: boardRegistry(base, relations, shared.deviceSecret, shared.chooseBoardId),
    host,
    port,
    system,
    deviceKey: await deviceKeys(base, openSecretVersions(base, relations)),
    provisioning: provisioning.map(({ id, secret }) => ({ id, secret: readSecret(secret)! })),
    resetSecret: await stores.credentials.secret("udp-reset", randomBytes(SECRET_BYTES)),
    limits,
    chronicle,
    clock: systemClock,
    random: systemRandom,
    newId: systemNewId,
    logger,
    metrics,
  });
  logger.info("devices may come over UDP", { host, port: gateway.port });
  return { gateway, peers };
}

/** Secrets are derived: a board's from its version in the store, a phone's from nothing more. */
async function deviceKeys(
  { config, stores }: Base,
  secretVersion: SecretVersion,
): Promise<UdpOptions["deviceKey"]> {
  const installation = await stores.credentials.secret("devices", randomBytes(SECRET_BYTES));
  const { subscribe, publish } = config.udp;
  const grants = { subscribe, publish };
  return async (principal, device) => {
    const outcome = await secretVersion(principal);
    if (!outcome.ok) throw outcome.error;
    const version = outcome.value;
    if (version === undefined) return undefined;
    const secret = deviceSecret(installation, { principal, device, version });
    return { secret, grants, ...(boardOf(principal) ? { secretVersion: version } : {}) };
  };
}
