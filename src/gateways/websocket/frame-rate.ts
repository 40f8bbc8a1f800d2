import type { CloseReason } from "../../actors/session/messages.ts";
import type { Clock } from "../../core/clock.ts";
import { RuntimeError } from "../../core/errors.ts";

/**
 * A token bucket in integers. The fields are the connection's own: a bucket costs no object.
 */
export interface Bucket {
  /** Thousandths of a frame that may come at once; below zero by what was refused. */
  credit: number;
  /** When credit was last added, in monotonic milliseconds modulo 2^32. */
  creditAt: number;
}

export interface Rate {
  /** 0: no limit. */
  readonly perSecond: number;
  readonly burst: number;
}

/** `hopeless`: the sender does not mean to slow down. */
export type Verdict = "taken" | "refused" | "hopeless";

const FRAME = 1000;
/** Bursts of refused frames that are still answered. */
const REFUSED_BURSTS_MAX = 2;

/** Pays for one frame; a refused one costs as much. */
export function payFrame(bucket: Bucket, { perSecond, burst }: Rate, nowMs: number): Verdict {
  if (perSecond === 0) return "taken";
  const now = nowMs | 0;
  if (now !== bucket.creditAt) {
    // Frames per second are thousandths of a frame per millisecond.
    const earned = ((now - bucket.creditAt) >>> 0) * perSecond;
    bucket.credit = Math.min(burst * FRAME, bucket.credit + earned);
    bucket.creditAt = now;
  }
  bucket.credit -= FRAME;
  if (bucket.credit >= 0) return "taken";
  return bucket.credit < -REFUSED_BURSTS_MAX * burst * FRAME ? "hopeless" : "refused";
}

/** How long until the next frame would be taken, in milliseconds. */
export function waitMs({ credit }: Bucket, { perSecond }: Rate): number {
  return Math.max(1, Math.ceil((FRAME - credit) / perSecond));
}

/** Whose frames are paid for, and who is told when one was not taken. */
interface Payer extends Bucket {
  close(reason: CloseReason, parting: { readonly retryAfterMs: number }): void;
  writeError(error: RuntimeError): void;
}

/** Pays for one frame; else tells its sender to be slower, or ends the connection. */
export function isPaid(payer: Payer, rate: Rate, clock: Clock): boolean {
  const verdict = payFrame(payer, rate, clock.monotonic());
  if (verdict === "taken") return true;
  const retryAfterMs = waitMs(payer, rate);
  if (verdict === "hopeless") payer.close("too-fast", { retryAfterMs });
  else {
    const message = `more than ${rate.perSecond} frames per second; this one was not read`;
    payer.writeError(new RuntimeError("protocol.too-fast", message, { retryAfterMs }));
  }
  return false;
}
