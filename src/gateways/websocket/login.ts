import type { ConnectionMessage, SessionMessage } from "../../actors/session/messages.ts";
import type { Origin } from "../../core/chronicle.ts";
import { RuntimeError, toRuntimeError } from "../../core/errors.ts";
import type { Result } from "../../core/result.ts";
import { claimedPrincipal, type DeviceIdentity, refusedPrincipal } from "../auth/device-tokens.ts";
import { type ClientFrame, idOf } from "../protocol/frames.ts";
import type { Connection, Reception } from "./connection.ts";
import type { WebSocketOptions } from "./options.ts";

type Hello = Extract<ClientFrame, { type: "hello" }>;
type Welcome = Extract<ConnectionMessage, { type: "welcome" }>;

/** Frames that may come between the hello and the welcome. */
const HELD_MAX = 16;
/** What a client that is refused for lack of room is told to wait, in milliseconds. */
const BUSY_RETRY_MS = 5000;

/**
 * One connection's way from the upgrade to the welcome: hello, credential, session, attach.
 *
 * It is dropped with the welcome. Should anything on the way take too long, the hub's deadline
 * ends the connection, whatever it waits for.
 */
export class Login implements Reception {
  readonly #options: WebSocketOptions;
  readonly #from: Origin;
  #hello: Hello | undefined = undefined;
  #held: ClientFrame[] | undefined = undefined;
  /** When the credential expires, in milliseconds since the epoch. */
  #expiresAt = 0;

  /** `address` is where the device connects from. */
  constructor(options: WebSocketOptions, address: string) {
    this.#options = options;
    this.#from = { transport: "websocket", address };
  }

  get hasBegun(): boolean {
    return this.#hello !== undefined;
  }

  receive(connection: Connection, frame: ClientFrame): void {
    if (this.#hello !== undefined) return this.#hold(connection, frame);
    if (frame.type !== "hello") {
      const message = `the first frame must be hello, not ${frame.type}`;
      connection.writeError(new RuntimeError("protocol.order", message));
      return connection.close("invalid-frame");
    }
    this.#hello = frame;
    connection.hub.waitAnew(connection);
    const { deviceTokens, logger } = this.#options;
    deviceTokens
      .verify(frame.credential)
      .then((outcome) => this.#verified(connection, frame, outcome))
      .catch((thrown: unknown) => {
        logger.error("a log-in failed", { error: toRuntimeError(thrown).message });
        connection.close("internal");
      });
  }

  /** The session has the device's inbox: the log-in is complete. */
  welcome(connection: Connection, message: Welcome): void {
    const { hub, codec, user } = connection;
    const { limits } = hub;
    const { session, recovered, gap, head } = message;
    const owner = { user: user!.key, device: connection.device };
    const expiresInMs = Math.max(0, this.#expiresAt - this.#options.clock.now());
    connection.welcomed(hub.deadlineIn(expiresInMs));
    connection.write(
      codec.encode({
        type: "welcome",
        session,
        resume: this.#options.resumeTokens.mint(session, owner),
        heartbeatMs: limits.heartbeatMs,
        recovered,
        ...(gap === undefined ? {} : { gap }),
        head,
        expiresInMs,
        limits: { frameBytes: limits.frameBytesMax, framesPerSecond: limits.framesPerSecond },
      }),
    );
    for (const frame of this.#held ?? []) connection.forward(frame);
  }

  #verified(connection: Connection, hello: Hello, outcome: Result<DeviceIdentity>): void {
    // It may have left while its credential was being verified.
    if (connection.socket === undefined) return;
    if (!outcome.ok) {
      connection.writeError(outcome.error);
      this.#noteRefusal(hello, outcome.error);
      const isExpired = outcome.error.code === "auth.expired";
      return connection.close(isExpired ? "credential-expired" : "unauthorized");
    }
    const { principal, device, expiresAt } = outcome.value;
    if (device !== undefined && device !== hello.device) {
      const message = "the credential is for another device";
      const error = new RuntimeError("auth.invalid", message);
      connection.writeError(error);
      this.#note(principal, hello.device, error);
      return connection.close("unauthorized");
    }
    const { hub } = connection;
    connection.device = hello.device;
    connection.user = hub.users.take(principal);
    if (connection.user === undefined) {
      const message = `the user has ${hub.users.max} connections already`;
      const error = new RuntimeError("gateway.busy", message);
      this.#note(principal, hello.device, error);
      return this.#refuse(connection, message);
    }
    // Who finds no room is told to come again, and does: that alone must not get it banned.
    const bannedMs = this.#options.bans.waitMs("principal", principal);
    if (bannedMs > 0) return this.#refuseBanned(connection, principal, bannedMs);
    this.#expiresAt = expiresAt;
    this.#attach(connection, hello, outcome.value);
  }

  #attach(
    connection: Connection,
    hello: Hello,
    { principal, grants, secretVersion }: DeviceIdentity,
  ): void {
    const { openSession, findSession, newId, resumeTokens } = this.#options;
    const offset = hello.offset ?? -1;
    const from = this.#from;
    const owner = { user: principal, device: hello.device };
    connection.secretVersion = secretVersion;
    const shown = { secretVersion, grants, from };
    const message: SessionMessage = { type: "attach", connection, offset, ...shown };

    const resumed = hello.resume && resumeTokens.read(hello.resume, owner);
    const known = resumed ? findSession(resumed) : undefined;
    if (known !== undefined) {
      connection.joins(resumed!, known);
      if (known.send(message)) return;
    }
    const id = newId("s");
    const session = openSession({ id, ...owner });
    connection.joins(id, session);
    if (!session.send(message)) this.#refuse(connection, "the node takes no more sessions");
  }

  #noteRefusal(hello: Hello, error: RuntimeError): void {
    const { credential, device } = hello;
    const principal = refusedPrincipal(error);
    if (principal !== undefined) return this.#note(principal, device, error);
    const claimed = claimedPrincipal(credential);
    if (claimed === undefined) return;
    const { chronicle, clock } = this.#options;
    const { code, message } = error;
    const refusal = { device, from: this.#from, code, message };
    chronicle?.noteStranger(claimed, refusal, clock.now());
  }

  #note(principal: string, device: string, { code, message }: RuntimeError): void {
    const { chronicle, clock } = this.#options;
    const event = { type: "refused", device, from: this.#from, code, message } as const;
    chronicle?.note(principal, event, clock.now());
  }

  #hold(connection: Connection, frame: ClientFrame): void {
    if (frame.type === "hello") {
      connection.writeError(new RuntimeError("protocol.order", "hello was sent already"));
      return connection.close("invalid-frame");
    }
    this.#held ??= [];
    if (this.#held.length < HELD_MAX) this.#held.push(frame);
    else connection.refuseBusy(idOf(frame));
  }

  #refuseBanned(connection: Connection, principal: string, retryAfterMs: number): void {
    const message = `${principal} has logged in too often`;
    const error = new RuntimeError("gateway.banned", message, { retryAfterMs });
    connection.writeError(error);
    this.#note(principal, connection.device, error);
    connection.close("busy", { retryAfterMs });
  }

  #refuse(connection: Connection, message: string): void {
    const retryAfterMs = BUSY_RETRY_MS;
    connection.writeError(new RuntimeError("gateway.busy", message, { retryAfterMs }));
    connection.close("busy", { retryAfterMs });
  }
}
