/** One figure of the node at one moment: a series of its metrics. */
export interface Figure {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The value of a series; of several that fit, their sum; 0 when there is none. */
export function figureOf(
  figures: readonly Figure[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const wanted = Object.entries(labels);
  return figures
    .filter((it) => it.name === name && wanted.every(([key, value]) => it.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}
