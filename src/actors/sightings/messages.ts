import { kind } from "../kernel/kind.ts";

/** The sightings clerk is found by this kind and the name `SIGHTINGS`. */
export const sightingsKind = kind<SightingMessage>("sightings");

export const SIGHTINGS = "sightings-clerk";

/** What anyone may send to the sightings clerk, which keeps when members were last seen. */
export interface SightingMessage {
  /** A user connects or disconnects at this moment. */
  readonly type: "saw";
  readonly user: string;
}
