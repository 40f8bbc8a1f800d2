/** How much a verification does. */
export interface Extent {
  /** Crashes, kill -9 and freezes of each kind, per guarantee. */
  readonly kills: number;
  /** Deaths of the provider, per guarantee. */
  readonly deaths: number;
  /** Pauses, and second masters. */
  readonly pauses: number;
  readonly members: number;
  /** Messages per second while it is broken, so that each campaign takes some faults. */
  readonly rate: number;
  readonly leaseMs: number;
  /** Faults by guarantee; absent: every one under each. */
  readonly only?: Readonly<Record<string, readonly string[]>>;
}

export const FULL: Extent = {
  kills: 100,
  deaths: 20,
  pauses: 20,
  members: 50_000,
  rate: 8_000,
  leaseMs: 3_000,
};

/** Enough to notice that something is broken, in about a minute. */
export const SHORT: Extent = {
  kills: 2,
  deaths: 2,
  pauses: 3,
  members: 4_000,
  rate: 5_000,
  leaseMs: 700,
  only: {
    "at-least-once": ["kill -9 of the node"],
    key: ["kill -9 of the node", "provider killed mid-request"],
    receipt: ["kill -9 of the node", "receipts doubled and shuffled"],
  },
};

/** What a run of the matrix is given beside its extent. */
export interface RunOptions {
  readonly extent: Extent;
  /** Of every pause and shuffle. The same seed repeats them, but not what the machine does. */
  readonly seed: number;
  /** Only rows that have this in `guarantee: fault`; absent: all. */
  readonly rows?: string | undefined;
  /** Told what is being done, for people. */
  readonly say: (line: string) => void;
}
