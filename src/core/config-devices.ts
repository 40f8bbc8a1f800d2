import { z } from "zod";

const int = (min: number, max: number, fallback: number, doc: string) =>
  z.int().min(min).max(max).default(fallback).describe(doc);

const POLICY = "`many` sessions at once, `up-to` so many, or the `newest` alone.";
const WHEN_FULL = "With `up-to`: whether one more is refused, or the oldest makes room.";

const policy = (who: string) =>
  z.enum(["many", "up-to", "newest"]).default("many").describe(`${who}: ${POLICY}`);
const whenFull = () => z.enum(["refuse", "oldest"]).default("refuse").describe(WHEN_FULL);

/** How many devices of one user, or connections of one board, may be logged in. */
export const loginSection = z
  .strictObject({
    phones: policy("A user"),
    phonesMax: int(1, 10_000, 15, "Sessions of one user with `up-to`."),
    phonesWhenFull: whenFull(),
    boards: policy("A board"),
    boardsMax: int(1, 10_000, 1, "Sessions of one board with `up-to`."),
    boardsWhenFull: whenFull(),
  })
  .prefault({});

/** How comings and goings are announced to those who may reach a principal. */
export const presenceSection = z
  .strictObject({
    changesMax: int(1, 1000, 4, "Comings and goings within the window that are told at once."),
    windowMs: int(100, 3_600_000, 10_000, "The window in which they are counted."),
    holdMs: int(100, 3_600_000, 5000, "After more, what is told has held for so long."),
  })
  .prefault({});
