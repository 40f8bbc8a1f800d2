import { clientError, type HeraldError } from "./errors.ts";
import type { SavedOffsets } from "./offsets.ts";

/** What a device keeps between runs: numbers and a token, a few hundred bytes of JSON. */
export interface SavedState extends SavedOffsets {
  readonly version: 1;
  /** Whose offsets they are, when the credential says so; another user's are not used. */
  readonly user?: string;
  readonly device: string;
  /** Continues the session. A secret: whoever has it and the credential is this device. */
  readonly resume?: string;
}

/** Where the state is kept: localStorage, a file, a database. */
export interface StateStorage {
  /** Returns what was saved last, or undefined. What is not a state is ignored. */
  load(): unknown;
  /** Keeps the state; when it returns a promise, acks wait until that is resolved. */
  save(state: SavedState): void | Promise<void>;
}

/** Keeps the state under `key` in `localStorage`, or another store of the same form. */
export function localStorageState(key: string, store?: KeyValueStore): StateStorage {
  const target = store ?? (globalThis as { localStorage?: KeyValueStore }).localStorage;
  if (target === undefined) throw new TypeError("this environment has no localStorage");
  return {
    load() {
      const text = target.getItem(key);
      return text === null ? undefined : JSON.parse(text);
    },
    save: (state) => target.setItem(key, JSON.stringify(state)),
  };
}

/** What is used of the browser's Storage. */
export interface KeyValueStore {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

type OnError = (error: HeraldError) => void;

/** Loads; a storage that fails or holds something else counts as empty, and is told. */
export async function loadState(
  storage: StateStorage | undefined,
  onError: OnError,
): Promise<SavedState | undefined> {
  try {
    const loaded = await storage?.load();
    if (loaded === undefined || loaded === null) return undefined;
    if (isSavedState(loaded)) return loaded;
    onError(clientError("client.storage", "what was saved is not a state of this version"));
  } catch (cause) {
    onError(clientError("client.storage", "the state could not be loaded", cause));
  }
  return undefined;
}

/** Saves; undefined when that is done at once. Failures are told, never thrown. */
export function saveState(
  storage: StateStorage | undefined,
  state: SavedState,
  onError: OnError,
): Promise<void> | undefined {
  const failed = (cause: unknown): void =>
    onError(clientError("client.storage", "the state could not be saved", cause));
  try {
    return storage?.save(state)?.then(undefined, failed);
  } catch (cause) {
    failed(cause);
    return undefined;
  }
}

/** The user that a JWT names, unverified; only for telling states of different users apart. */
export function userOf(credential: string): string | undefined {
  try {
    const part = credential.split(".")[1] ?? "";
    const claims: unknown = JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/")));
    const { sub } = claims as { sub?: unknown };
    return typeof sub === "string" ? sub : undefined;
  } catch {
    return undefined;
  }
}

function isSavedState(value: unknown): value is SavedState {
  const state = value as Partial<Record<keyof SavedState, unknown>>;
  const isOffset = (offset: unknown): boolean => Number.isSafeInteger(offset);
  return (
    typeof value === "object" &&
    state.version === 1 &&
    typeof state.device === "string" &&
    isOffset(state.received) &&
    Array.isArray(state.open) &&
    state.open.every(isOffset) &&
    (state.user === undefined || typeof state.user === "string") &&
    (state.resume === undefined || typeof state.resume === "string")
  );
}
