/** How the projects of old callers are sent. */
export interface PushSettings {
  readonly provider: string;
  readonly topic: string;
}
