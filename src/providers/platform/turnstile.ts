/** Lets only so many in at once; the others wait in the order in which they came. */
export interface Turnstile {
  /** Does it when there is room; undefined when too many wait already. */
  enter<T>(task: () => Promise<T>): Promise<T> | undefined;
}

export function turnstile({
  inside: insideMax,
  waitingMax,
}: {
  readonly inside: number;
  readonly waitingMax: number;
}): Turnstile {
  let inside = 0;
  // A set keeps the order, and its first entry goes without moving the others.
  const waiting = new Set<() => void>();
  const leave = (): void => {
    const [next] = waiting;
    if (next === undefined) {
      inside -= 1;
      return;
    }
    waiting.delete(next);
    next();
  };
  return {
    enter(task) {
      if (inside < insideMax) {
        inside += 1;
        return task().finally(leave);
      }
      if (waiting.size >= waitingMax) return undefined;
      return new Promise<void>((resolve) => void waiting.add(resolve)).then(task).finally(leave);
    },
  };
}
