import type { DryCounts } from "./messages.ts";

/** What can become of a recipient in a dry run. */
export type DryFate = Exclude<keyof DryCounts, "recipients">;

/** Arms and locales told apart; a campaign has far fewer. */
const NAMES_MAX = 200;

/** Counts fates in all, by arm and by locale; changed in place, inside one dry run. */
export class DryTally {
  readonly all = newCounts();
  readonly arms: Record<string, DryCounts> = {};
  readonly locales: Record<string, DryCounts> = {};

  add(fate: DryFate, { arm, locale }: { readonly arm: string; readonly locale: string }): void {
    count(this.all, fate);
    count(named(this.arms, arm), fate);
    count(named(this.locales, locale), fate);
  }
}

type Writable = { -readonly [Key in keyof DryCounts]: DryCounts[Key] };

function newCounts(): Writable {
  return { recipients: 0, sent: 0, held: 0, capped: 0, missingVariable: 0, late: 0, blocked: 0 };
}

function count(counts: Writable, fate: DryFate): void {
  counts.recipients += 1;
  counts[fate] += 1;
}

function named(all: Record<string, DryCounts>, name: string): Writable {
  const known = Object.hasOwn(all, name) || Object.keys(all).length < NAMES_MAX;
  const key = known ? name : "others";
  all[key] ??= newCounts();
  return all[key];
}
