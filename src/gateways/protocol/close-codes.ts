import type { CloseReason } from "../../actors/session/messages.ts";

/**
 * The close code of each reason. The range is the advice: 4100-4199 connect again (with the
 * resume token, after a jittered pause), 4200-4299 do not, until something has changed.
 * Codes go over the wire: add freely; never reuse one.
 */
export const CLOSE_CODES = {
  draining: 4100,
  slow: 4101,
  "too-fast": 4102,
  busy: 4103,
  "heartbeat-lost": 4104,
  internal: 4105,
  "hello-timeout": 4106,
  lifetime: 4107,
  redirect: 4108,
  replaced: 4200,
  kicked: 4201,
  unauthorized: 4202,
  "credential-expired": 4203,
  "invalid-frame": 4204,
  "too-large": 4205,
  "too-many-sessions": 4206,
} as const satisfies Record<CloseReason, number>;

/** Whether a client should connect again after this close code. */
export function mayReconnect(code: number): boolean {
  return code < 4200 || code > 4299;
}
