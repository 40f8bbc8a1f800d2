/** A window holds so many milliseconds' worth of messages at most. */
const WINDOW_MS = 50;
/** Recipients of a full page. */
const PAGE = 1_000;
/** Pages that one listing reads. */
const LISTED = 256;

/**
 * How many messages one window may hold at this rate.
 *
 * Small windows at low rates keep the flow smooth and let a pause take hold quickly.
 */
export function windowFor(rate: number, windowMax: number): number {
  if (rate === 0) return windowMax;
  return Math.max(1, Math.min(windowMax, Math.floor((rate * WINDOW_MS) / 1_000)));
}

/** What a campaign's guarantee and windows cost, and what they leave open. */
export interface Price {
  /** Calls to the store per message, with full pages. */
  readonly operationsPerMessage: number;
  /** Recipients of which a crash may leave nothing known, at most. */
  readonly inDoubtMax: number;
  /** Messages that still go after a pause, at most. */
  readonly afterPauseMax: number;
  /** What becomes of recipients in doubt, for people. */
  readonly doubt: string;
}

const DOUBT = {
  "at-most-once": "marked unknown, and never sent again",
  "at-least-once": "sent again, so that some may get it twice",
  key: "sent again under the same id, which the provider recognizes",
  receipt: "sent again unless a receipt comes in time",
} as const;

/**
 * How many workers may have pages at once. Where receipts are waited for, each has a stand-in that
 * goes on with other pages meanwhile.
 */
export function holdersMax({
  workers,
  guarantee,
}: {
  readonly workers: number;
  readonly guarantee: keyof typeof DOUBT;
}): number {
  return guarantee === "receipt" ? 2 * workers : workers;
}

/** What a campaign costs, from its spec alone. */
export function price(spec: {
  readonly rate: number;
  readonly workers: number;
  readonly window: number;
  readonly inFlight: number;
  readonly guarantee: keyof typeof DOUBT;
  readonly cap?: object | undefined;
}): Price {
  const { rate, inFlight, guarantee, cap } = spec;
  const window = windowFor(rate, spec.window);
  const windows = Math.ceil(PAGE / Math.min(window, PAGE));
  // A page is claimed and read, and who of it may not be sent to any more; its first intent is
  // journalled, and then each window once.
  const perPage = 3 + 1 + windows + (cap === undefined ? 0 : windows) + 1 / LISTED;
  const flight = holdersMax(spec) * inFlight * Math.min(window, PAGE);
  return {
    operationsPerMessage: Math.round((perPage / PAGE) * 100_000) / 100_000,
    inDoubtMax: flight,
    afterPauseMax: flight,
    doubt: DOUBT[guarantee],
  };
}
