import { boardKey, boardOf } from "../../core/address.ts";

/** How numbers name devices; it differs between the branches of old. */
export interface IdSpace {
  readonly bits: 32 | 64;
  /** Whether phones have positive numbers; boards have the others. */
  readonly phonesArePositive: boolean;
  /** Without slots a phone has its user's number, and may be there many times. */
  readonly hasSlots: boolean;
}

/** A user's number is a multiple of this; its phones have the numbers up to the next. */
export const PHONES_PER_USER = 16n;

/** What a number means. A phone's `slot` is 0 when the number is the user's own. */
export type ClassicId =
  | { readonly kind: "phone"; readonly principal: string; readonly slot: number }
  | { readonly kind: "board"; readonly principal: string };

/**
 * The principal of a number; undefined for 0, for numbers beyond the space, and for a user some of
 * whose phones would be beyond it.
 *
 * The user of a phone is named by its number without sign and slot, a board by its number
 * without sign, both in decimals.
 */
export function classicId(id: bigint, space: IdSpace): ClassicId | undefined {
  const { bits, phonesArePositive, hasSlots } = space;
  if (id === 0n || !isIn(bits, id)) return undefined;
  const size = id < 0n ? -id : id;
  if (id > 0n !== phonesArePositive) return { kind: "board", principal: boardKey(`${size}`) };
  const slot = hasSlots ? size % PHONES_PER_USER : 0n;
  // The lowest number is a multiple of 16, and the phones of that user would be below it.
  const last = hasSlots ? size - slot + PHONES_PER_USER - 1n : size;
  if (!isIn(bits, id < 0n ? -last : last)) return undefined;
  return { kind: "phone", principal: `${size - slot}`, slot: Number(slot) };
}

/** The number of a principal; undefined when its name is not one of the space. */
export function classicNumber(principal: string, space: IdSpace): bigint | undefined {
  const board = boardOf(principal);
  const digits = board ?? principal;
  if (!/^[1-9][0-9]{0,18}$/.test(digits)) return undefined;
  const size = BigInt(digits);
  const isPositive = (board === undefined) === space.phonesArePositive;
  const id = isPositive ? size : -size;
  return isIn(space.bits, id) ? id : undefined;
}

function isIn(bits: number, id: bigint): boolean {
  return BigInt.asIntN(bits, id) === id;
}
