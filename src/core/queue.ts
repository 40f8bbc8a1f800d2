/** How much of a queue goes at once. */
interface Most {
  /** All sizes together; the first one goes however large it is. */
  readonly size: number;
  readonly count?: number;
}

/** Takes what goes at once from the front of a queue, and says how large that is together. */
export function takeFront<T>(
  queue: T[],
  sizeOf: (one: T) => number,
  most: Most,
): { readonly taken: T[]; readonly size: number } {
  let count = 0;
  let size = 0;
  for (const one of queue) {
    const next = size + sizeOf(one);
    if (count === most.count || (count > 0 && next > most.size)) break;
    size = next;
    count += 1;
  }
  return { taken: queue.splice(0, count), size };
}
