import type { PageOf, PageRequest } from "./audience.ts";

/** Somebody or some address that must not be sent to, whatever an audience says. */
export interface Suppression {
  /** A member's id, or an address as members' attributes hold it: a phone number, a token. */
  readonly kind: "member" | "address";
  readonly value: string;
  /** For people, as `the carrier says that there is no such number`. */
  readonly why: string;
  /** Id of an API token, or the part of Herald that found out, as `provider:sms`. */
  readonly by: string;
  readonly at: number;
}

/** The list of who and what must not be sent to. */
export interface SuppressionStore {
  /**
   * Adds those that are not on it; the first reason stays. Returns how many were added. Durable
   * when it resolves.
   */
  suppress(entries: readonly Suppression[]): Promise<number>;
  /** Returns false when it is not on the list. */
  unsuppress(kind: Suppression["kind"], value: string): Promise<boolean>;
  read(kind: Suppression["kind"], value: string): Promise<Suppression | undefined>;
  /** Newest first. @throws RuntimeError `store.cursor`. */
  list(request: PageRequest): Promise<PageOf<Suppression>>;
}
