import type { BoardCommand, Grants } from "../../core/device-request.ts";
import type { Result } from "../../core/result.ts";

/** What a board says of itself when it registers. */
export interface BoardClaim {
  readonly mac: string;
  readonly serial: string;
  readonly model: string;
  /** Empty when it has none. */
  readonly name: string;
}

/** Who logs in: a principal's key (`core/address.ts`) and its device; the credential was good. */
export interface LoginClaim {
  readonly principal: string;
  readonly device: string;
}

/** What a device may do beyond what its credential says. */
export interface Admission {
  readonly grants?: Grants | undefined;
}

/**
 * The user's own service, which decides about devices before the node does.
 *
 * Every question may be asked again: the service is to answer a repeated one (the same
 * Idempotency-Key) as it did at first. Nothing rejects; the errors are `platform.refused`, with
 * the service's own words, and `platform.failed` when there is no answer that can be used.
 */
export interface Platform {
  login(who: LoginClaim): Promise<Result<Admission>>;
  /** With the id that the service gives the board; undefined: the node's own rule. */
  register(board: BoardClaim): Promise<Result<{ readonly board?: string | undefined }>>;
  /** Whether a board may be renamed, bound or unbound so. */
  change(board: string, command: BoardCommand): Promise<Result<true>>;
  close(): void;
}
