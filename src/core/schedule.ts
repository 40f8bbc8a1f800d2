/** When a campaign goes: at one instant, or at a time of the clock on the member's wall. */
export type Schedule = (
  | { /** Milliseconds since the Unix epoch. */ readonly at: number }
  | {
      /** `2026-12-24T18:00`: the same local time for everybody, one time zone after the other. */
      readonly local: string;
      /** IANA name, for members without a time zone. */
      readonly defaultTimeZone: string;
    }
) & {
  /**
   * What has not begun so long after its time does not go by itself: the campaign pauses, and
   * says why. In milliseconds.
   */
  readonly maxLatenessMs: number;
};

/** Hours in which nothing is sent; pages wait until they end. */
export interface QuietHours {
  /** `HH:mm`; a `from` after `to` goes over midnight. */
  readonly from: string;
  readonly to: string;
  /** `member`: each member's own time zone (UTC when not known); otherwise an IANA name. */
  readonly zone: string;
}
