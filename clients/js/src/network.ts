/** What tells that the network may have changed: a browser's window. */
export interface NetworkEvents {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/**
 * Connectivity came or went, or the page is looked at again after its timers were slowed down.
 * None of them is proof of anything, so they only prompt a check.
 */
const TYPES = ["online", "offline", "visibilitychange", "pageshow"];

/** The browser's window; undefined elsewhere. */
export function platformNetwork(): NetworkEvents | undefined {
  const { window } = globalThis as { window?: NetworkEvents };
  return typeof window?.addEventListener === "function" ? window : undefined;
}

/** Calls `check` at each such event; returns what ends that. */
export function watchNetwork(network: NetworkEvents | undefined, check: () => void): () => void {
  for (const type of TYPES) network?.addEventListener(type, check);
  return () => {
    for (const type of TYPES) network?.removeEventListener(type, check);
  };
}
