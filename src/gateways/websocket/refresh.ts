import { RuntimeError, toRuntimeError } from "../../core/errors.ts";
import type { Result } from "../../core/result.ts";
import type { DeviceIdentity } from "../auth/device-tokens.ts";
import type { ClientFrame } from "../protocol/frames.ts";
import type { Connection } from "./connection.ts";

type Refresh = Extract<ClientFrame, { type: "refresh" }>;

/**
 * Takes a newer credential of the same principal, so that the connection outlives the older one.
 *
 * One that is not accepted changes nothing: the device is told and keeps what it had.
 */
export function refresh(connection: Connection, { id, credential }: Refresh): void {
  const { hub } = connection;
  hub.deviceTokens
    .verify(credential)
    .then((outcome) => verified(connection, id, outcome))
    .catch((thrown: unknown) => {
      hub.logger.error("a refresh failed", { error: toRuntimeError(thrown).message });
      connection.writeError(new RuntimeError("internal", "the credential was not looked at"), id);
    });
}

function verified(connection: Connection, id: number, outcome: Result<DeviceIdentity>): void {
  // It may have left while its credential was being verified.
  if (connection.socket === undefined) return;
  if (!outcome.ok) return connection.writeError(outcome.error, id);
  const { principal, device, expiresAt, grants } = outcome.value;
  if (principal !== connection.user?.key || (device ?? connection.device) !== connection.device) {
    const message = "the credential is for another device";
    return connection.writeError(new RuntimeError("auth.invalid", message), id);
  }
  const { hub } = connection;
  connection.deadline = hub.deadlineIn(expiresAt - hub.clock.now());
  if (connection.session?.send({ type: "grants", grants }) === false) {
    return connection.refuseBusy(id);
  }
  connection.write(connection.codec.encode({ type: "refreshed", id, expiresAt }));
}
