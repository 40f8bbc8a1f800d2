/** A payload and its versions by language; what is absent is the campaign's own. */
export interface Variant {
  /** JSON; a string value may hold `{{variable}}` or `{{variable|fallback}}`. */
  readonly payload?: unknown;
  /** By locale, as `pt-BR` or `pt`; a member's variable `locale` chooses. */
  readonly locales?: Readonly<Record<string, unknown>> | undefined;
}

/** One arm of an A/B test. */
export interface Arm extends Variant {
  readonly name: string;
  /** Share of the members, in per cent, above 0. */
  readonly percent: number;
}

/** What a campaign says, and to whom it says which. */
export interface MessageSpec extends Variant {
  readonly payload: unknown;
  /** A template of the field `link` in the payload, which is an object then. */
  readonly link?: string | undefined;
  /** Members in no arm get the default variant; the shares are 100 in all at most. */
  readonly arms?: readonly Arm[] | undefined;
  /** Share of the members that get nothing, in per cent, so that the effect can be measured. */
  readonly controlPercent?: number | undefined;
}
