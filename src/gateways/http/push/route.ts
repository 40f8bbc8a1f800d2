import type { Caller } from "../../../actors/access/messages.ts";
import type { Api } from "../api.ts";
import type { Done } from "./reply.ts";
import type { PushSettings } from "./settings.ts";

/** One request of an old caller: who may call has been checked, the body has not. */
export interface PushCall {
  readonly body: unknown;
  readonly caller: Caller;
  readonly api: Api;
  readonly settings: PushSettings;
}

/** One of the 21 routes of the interface that Herald replaces. Any method will do. */
export interface PushRoute {
  readonly path: `/${string}`;
  readonly role: "operator" | "viewer";
  /** The change in the audit record; absent: changes nothing. */
  readonly action?: string;
  handle(call: PushCall): Promise<Done>;
}
