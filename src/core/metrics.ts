/** A number that only grows. */
export interface Counter {
  add(amount?: number): void;
}

/** A number that goes up and down. */
export interface Gauge {
  set(value: number): void;
}

/** How often which durations or sizes occurred. */
export interface Histogram {
  observe(value: number): void;
}

export type Labels = Readonly<Record<string, string>>;

/**
 * Where figures go. Ask once for a series and keep it: the look-up is not for hot paths.
 *
 * Names follow Prometheus: `herald_<what>_<unit>`, counters end in `_total`.
 */
export interface Metrics {
  counter(name: string, help: string, labels?: Labels): Counter;
  gauge(name: string, help: string, labels?: Labels): Gauge;
  histogram(name: string, help: string, buckets: readonly number[], labels?: Labels): Histogram;
  /** A gauge that is read when somebody asks, and costs nothing in between. */
  observe(name: string, help: string, read: () => number, labels?: Labels): void;
}

export const noMetrics: Metrics = {
  counter: () => ({ add: () => {} }),
  gauge: () => ({ set: () => {} }),
  histogram: () => ({ observe: () => {} }),
  observe: () => {},
};
