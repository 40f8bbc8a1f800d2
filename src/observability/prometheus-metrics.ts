import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Figure } from "../core/figure.ts";
import type { Labels, Metrics } from "../core/metrics.ts";

export interface PrometheusMetrics extends Metrics {
  /** The text that Prometheus scrapes, and its content type. */
  render(): Promise<string>;
  readonly contentType: string;
  /** Every series at this moment, but for histograms. */
  figures(): Promise<readonly Figure[]>;
}

type Series = Counter | Gauge | Histogram;

/** Metrics of one node, with Node's own (memory, event loop, collections) beside ours. */
export function prometheusMetrics(): PrometheusMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const known = new Map<string, Series>();
  const readers = new Map<string, { labels: Labels; read: () => number }[]>();

  /** One series object per name; its labels are those of the first that asks. */
  const series = <S extends Series>(name: string, make: () => S): S => {
    const present = known.get(name);
    if (present) return present as S;
    const made = make();
    known.set(name, made);
    return made;
  };
  const options = (name: string, help: string, labels: Labels) => ({
    name,
    help,
    labelNames: Object.keys(labels),
    registers: [registry],
  });

  return {
    counter(name, help, labels = {}) {
      const counter = series(name, () => new Counter(options(name, help, labels))).labels(labels);
      return { add: (amount = 1) => counter.inc(amount) };
    },
    gauge(name, help, labels = {}) {
      const gauge = series(name, () => new Gauge(options(name, help, labels))).labels(labels);
      return { set: (value) => gauge.set(value) };
    },
    histogram(name, help, buckets, labels = {}) {
      const made = series(
        name,
        () => new Histogram({ ...options(name, help, labels), buckets: [...buckets] }),
      ).labels(labels);
      return { observe: (value) => made.observe(value) };
    },
    observe(name, help, read, labels = {}) {
      const present = readers.get(name);
      if (present) return void present.push({ labels, read });
      const all = [{ labels, read }];
      readers.set(name, all);
      const gauge = new Gauge({
        ...options(name, help, labels),
        collect: () => {
          for (const one of all) gauge.set(one.labels, one.read());
        },
      });
    },
    render: () => registry.metrics(),
    contentType: registry.contentType,
    figures: async () => {
      const all = await registry.getMetricsAsJSON();
      return all.flatMap(({ name, type, values }) => {
        if (/histogram|summary/.test(`${type}`)) return [];
        return values.map(({ labels, value }) => ({ name, labels: textsOf(labels), value }));
      });
    },
  };
}

function textsOf(labels: object): Labels {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]));
}
