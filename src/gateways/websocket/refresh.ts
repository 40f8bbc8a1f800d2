import type { Ref } from "../../actors/kernel/actor.ts";
import type { SessionMessage } from "../../actors/session/messages.ts";
import { RuntimeError, toRuntimeError } from "../../core/errors.ts";
import type { Result } from "../../core/result.ts";
import type { DeviceIdentity } from "../auth/device-tokens.ts";
import type { Codec, Encoded } from "../protocol/codec.ts";
import type { ClientFrame } from "../protocol/frames.ts";
import type { Guest, Hub } from "./hub.ts";

type Refresh = Extract<ClientFrame, { type: "refresh" }>;

/** What it needs to know of a connection. */
interface Refreshed extends Guest {
  readonly hub: Hub;
  readonly codec: Codec;
  readonly device: string;
  readonly secretVersion: number | undefined;
  /** When it has lived long enough, in the hub's seconds. */
  readonly endsAt: number;
  readonly socket: object | undefined;
  readonly session: Ref<SessionMessage> | undefined;
  write(frame: Encoded): void;
  writeError(error: RuntimeError, id?: number): void;
  refuseBusy(id: number | undefined): void;
}

/**
 * Takes a newer credential of the same principal, so that the connection outlives the older one.
 *
 * One that is not accepted changes nothing: the device is told and keeps what it had.
 */
export function refresh(connection: Refreshed, { id, credential }: Refresh): void {
  const { hub } = connection;
  hub.deviceTokens
    .verify(credential)
    .then((outcome) => verified(connection, id, outcome))
    .catch((thrown: unknown) => {
      hub.logger.error("a refresh failed", { error: toRuntimeError(thrown).message });
      connection.writeError(new RuntimeError("internal", "the credential was not looked at"), id);
    });
}

function verified(connection: Refreshed, id: number, outcome: Result<DeviceIdentity>): void {
  // It may have left while its credential was being verified.
  if (connection.socket === undefined) return;
  if (!outcome.ok) return connection.writeError(outcome.error, id);
  const { principal, device, secretVersion, expiresAt, grants } = outcome.value;
  if (principal !== connection.user?.key || (device ?? connection.device) !== connection.device) {
    const message = "the credential is for another device";
    return connection.writeError(new RuntimeError("auth.invalid", message), id);
  }
  // With its secret a board's connections end: the one that this came in with is the latest.
  if (secretVersion !== undefined && secretVersion !== connection.secretVersion) {
    const message = "the credential is of another secret of the board than the connection's";
    return connection.writeError(new RuntimeError("auth.invalid", message), id);
  }
  const { hub } = connection;
  if (connection.session?.send({ type: "grants", grants }) === false) {
    return connection.refuseBusy(id);
  }
  const expiresInMs = Math.max(0, expiresAt - hub.clock.now());
  connection.deadline = Math.min(hub.deadlineIn(expiresInMs), connection.endsAt);
  connection.write(connection.codec.encode({ type: "refreshed", id, expiresInMs }));
}
