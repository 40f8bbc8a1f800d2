import type { RuntimeError } from "./errors.ts";

/** The outcome of something that may fail in an expected way. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: RuntimeError };

export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function fail<T>(error: RuntimeError): Result<T> {
  return { ok: false, error };
}
