import { randomBytes } from "node:crypto";
import type { InboxDesk } from "../actors/inbox/desk.ts";
import { sessionType } from "../actors/session/behavior.ts";
import { type OpenSession, sessionKind } from "../actors/session/messages.ts";
import { newSession, SESSION_LIMITS, type SecretVersion } from "../actors/session/state.ts";
import { systemClock } from "../core/clock.ts";
import { systemNewId, systemRandom } from "../core/random.ts";
import { type DeviceTokens, deviceTokens } from "../gateways/auth/device-tokens.ts";
import { resumeTokens } from "../gateways/auth/resume-tokens.ts";
import { Bans } from "../gateways/bans.ts";
import type { Actors } from "../gateways/http/api.ts";
import { openHttpGateway } from "../gateways/http/gateway.ts";
import { createListener } from "../gateways/listener.ts";
import { openWebSocketGateway } from "../gateways/websocket/gateway.ts";
import type { Provider } from "../providers/provider.ts";
import type { Base } from "./base.ts";
import { openClassic, openClassicBoards } from "./classic.ts";
import { openDepartures } from "./departures.ts";
import { type Decisions, openDecisions } from "./platform.ts";
import { receiptKeys, viewsOf } from "./providers.ts";
import { openDeviceSecrets, openSecretVersions } from "./relations.ts";
import { openSight } from "./sight.ts";
import { openUdp } from "./udp.ts";
import { copyKindOf } from "./uploads.ts";

const SECRET_BYTES = 32;

interface Inside {
  readonly actors: Actors;
  readonly inbox: InboxDesk;
  readonly providers: readonly Provider[];
  readonly vapidKey: (provider: string) => string | undefined;
  readonly version?: string | undefined;
  readonly undo: (() => Promise<void>)[];
}

/** Opens both gateways on one port and returns where they serve. */
export async function openGateways(base: Base, inside: Inside): Promise<string> {
  const { chronicle, config, logger, metrics, stores, system } = base;
  const { actors, inbox, providers, vapidKey, version, undo } = inside;
  const { host, port, certFile, keyFile } = config.listen;
  const tls = certFile && keyFile ? { certFile, keyFile } : undefined;
  const listener = createListener({ host, port, tls });
  undo.push(async () => listener.close());
  const tokens = await openDeviceTokens(base);
  const resumeSecret = await stores.credentials.secret("resume", randomBytes(SECRET_BYTES));
  const ports = { app: listener.app, clock: systemClock, logger, metrics, newId: systemNewId };
  const decisions = openDecisions(base, actors.relations);
  undo.push(async () => decisions.close());
  const devices = {
    openSession: sessionOpener(base, decisions, openSecretVersions(base, actors.relations)),
    findSession: (id: string) => system.find(sessionKind, id),
    resumeTokens: resumeTokens(resumeSecret),
  };
  const bans = new Bans(config.websocket, systemClock);
  const sessions = openWebSocketGateway({
    ...ports,
    ...devices,
    bans,
    chronicle,
    deviceTokens: tokens,
    limits: config.websocket,
    random: systemRandom,
  });
  const classic = openClassic(base, { ...devices, bans, app: listener.app });
  const deviceSecret = await openDeviceSecrets(base);
  const { relations } = actors;
  const registering = { ...devices, bans, relations, chooseBoardId: decisions.boardId };
  const udp = await openUdp(base, { ...registering, deviceSecret });
  undo.push(async () => udp?.gateway.close());
  const classicUdp = await openClassicBoards(base, { ...registering, classic });
  undo.push(async () => classicUdp?.close());
  const http = openHttpGateway({
    ...ports,
    system,
    actors,
    mint: (request) => tokens.mint(request),
    deviceSecret,
    peers: udp?.peers,
    ...openSight(base, { inbox, version }),
    bans,
    ...openDepartures(sessions),
    providers: () => viewsOf(providers),
    receiptKeys: receiptKeys(config),
    vapidKey,
    ...(config.compat.push ? { push: config.compat } : {}),
    limits: config.http,
  });
  const listening = listener.listen();
  const { deadlineMs } = config.shutdown;
  undo.push(async () => {
    listener.stopListening();
    actors.outbox.send({ type: "release" });
    udp?.gateway.drain();
    classicUdp?.drain();
    await Promise.all([
      sessions.drain(deadlineMs / 2),
      classic?.drain(deadlineMs / 2),
      http.drain({ deadlineMs: deadlineMs / 2 }),
    ]);
    sessions.close();
    classic?.close();
  });
  return `${tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${listening}`;
}

function sessionOpener(
  { chronicle, config, system, tally }: Base,
  { commands, admit }: Decisions,
  secretVersion: SecretVersion,
): OpenSession {
  const under = system.supervisor("sessions");
  const subscriptionsMax = config.topics.perSession;
  const limits = { ...SESSION_LIMITS, ...config.session, subscriptionsMax };
  const copyKind = copyKindOf(config.outbox);
  const decided = { commands, admit, secretVersion };
  const type = sessionType({ tally, limits, chronicle, copyKind, ...decided });
  return (session) => system.spawn(type, { name: session.id, state: newSession(session), under });
}

async function openDeviceTokens({ config, stores }: Base): Promise<DeviceTokens> {
  const { secret, publicKeys, issuer, audience } = config.auth;
  const kept =
    secret === undefined
      ? await stores.credentials.secret("device-tokens", randomBytes(SECRET_BYTES))
      : new TextEncoder().encode(secret);
  return deviceTokens({ secret: kept, publicKeys, issuer, audience, clock: systemClock });
}
