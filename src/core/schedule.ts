/** When a campaign goes: at one instant, or at a time of the clock on the member's wall. */
export type Schedule = (
  | { /** Milliseconds since the Unix epoch. */ readonly at: number }
  | {
      /** `2026-12-24T18:00`: the same local time for everybody, one time zone after the other. */
      readonly local: string;
      /** IANA name, for members without a time zone. */
      readonly defaultTimeZone: string;
    }
) & {
  /**
   * What has not begun so long after its time does not go by itself: the campaign pauses, and
   * says why. In milliseconds.
   */
  readonly maxLatenessMs: number;
};

/** Hours in which nothing is sent; pages wait until they end. */
export interface QuietHours {
  /** `HH:mm`; a `from` after `to` goes over midnight. */
  readonly from: string;
  readonly to: string;
  /** `member`: each member's own time zone (UTC when not known); otherwise an IANA name. */
  readonly zone: string;
}

/** When the pages of one time zone may go. Milliseconds since the Unix epoch. */
export interface Opening {
  /** When its time is, by the schedule; 0 without one. */
  readonly dueAt: number;
  /** From when on it may go, now or later: `dueAt`, or the end of quiet hours. */
  readonly opensAt: number;
  /** When quiet hours begin again after that; infinite without them. */
  readonly closesAt: number;
}

/**
 * When pages of a time zone may go, as seen at `now`.
 *
 * A page without a zone goes by the schedule's default, or else by UTC.
 */
export function openingOf(
  spec: {
    readonly schedule?: Schedule | undefined;
    readonly quietHours?: QuietHours | undefined;
  },
  zone: string,
  now: number,
): Opening {
  const { schedule, quietHours } = spec;
  const fallback = schedule !== undefined && "local" in schedule ? schedule.defaultTimeZone : "UTC";
  const here = zone === "" || !isTimeZone(zone) ? fallback : zone;
  const dueAt = schedule === undefined ? 0 : dueIn(schedule, here);
  const from = Math.max(now, dueAt);
  if (quietHours === undefined) return { dueAt, opensAt: from, closesAt: Number.POSITIVE_INFINITY };
  const quietZone = quietHours.zone === "member" ? here : quietHours.zone;
  const opensAt = quietUntil(quietHours, quietZone, from);
  return { dueAt, opensAt, closesAt: nextTime(quietHours.from, quietZone, opensAt) };
}

/** Whether each zone has an answer of its own, so that pages have to be told apart by zone. */
export function dependsOnZone(spec: {
  readonly schedule?: Schedule | undefined;
  readonly quietHours?: QuietHours | undefined;
}): boolean {
  const byLocalTime = spec.schedule !== undefined && "local" in spec.schedule;
  return byLocalTime || spec.quietHours?.zone === "member";
}

/** The instant at which a schedule is due in a time zone. */
export function dueIn(schedule: Schedule, zone: string): number {
  if ("at" in schedule) return schedule.at;
  return instantOf(Date.parse(`${schedule.local}Z`), zone, Number.NEGATIVE_INFINITY);
}

/** The end of the quiet hours that `at` lies in; `at` itself when it lies in none. */
export function quietUntil(quiet: QuietHours, zone: string, at: number): number {
  const minutes = minutesOf(at + offsetAt(zone, at));
  const [from, to] = [minutesOfText(quiet.from), minutesOfText(quiet.to)];
  const isQuiet = from < to ? minutes >= from && minutes < to : minutes >= from || minutes < to;
  return isQuiet ? nextTime(quiet.to, zone, at) : at;
}

/** The next instant after `at` at which clocks in a zone show this time of day. */
function nextTime(time: string, zone: string, at: number): number {
  const wall = at + offsetAt(zone, at);
  const midnight = wall - (((wall % DAY_MS) + DAY_MS) % DAY_MS);
  const today = midnight + minutesOfText(time) * MINUTE_MS;
  for (const day of [0, 1, 2]) {
    const instant = instantOf(today + day * DAY_MS, zone, at);
    if (instant > at) return instant;
  }
  return at + DAY_MS;
}

/**
 * The instant at which clocks in a zone show `wall` (milliseconds, as if it were UTC).
 *
 * Clocks that are set back show it twice: the first time after `after` counts. Clocks that are
 * set forward may not show it at all: then it is as much later as they were set.
 */
function instantOf(wall: number, zone: string, after: number): number {
  const before = wall - offsetAt(zone, wall - DAY_MS);
  const later = wall - offsetAt(zone, wall + DAY_MS);
  const shown = [before, later]
    .filter((instant) => instant + offsetAt(zone, instant) === wall)
    .sort((a, b) => a - b);
  return shown.find((instant) => instant > after) ?? shown.at(-1) ?? before;
}

/** Whether this is the name of a time zone. */
export function isTimeZone(name: string): boolean {
  return formatFor(name) !== undefined;
}

/** How far clocks in a zone are ahead of UTC at an instant, in milliseconds. */
function offsetAt(zone: string, instant: number): number {
  const format = formatFor(zone);
  if (format === undefined) return 0;
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(instant)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  const wall = Date.UTC(year, month - 1, day, hour, minute, second);
  return wall - Math.floor(instant / 1_000) * 1_000;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** There are about 600 names of time zones. */
const FORMATS_MAX = 1_000;

/** Making one takes far longer than using it. Undefined: there is no such zone. */
const formats = new Map<string, Intl.DateTimeFormat | undefined>();

function formatFor(zone: string): Intl.DateTimeFormat | undefined {
  if (formats.has(zone)) return formats.get(zone);
  if (formats.size >= FORMATS_MAX) formats.clear();
  const format = makeFormat(zone);
  formats.set(zone, format);
  return format;
}

function makeFormat(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat("en-US", {
      ...{ timeZone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric" },
      ...{ hour: "numeric", minute: "numeric", second: "numeric" },
    });
  } catch {
    return undefined;
  }
}

function minutesOf(wall: number): number {
  return Math.floor((((wall % DAY_MS) + DAY_MS) % DAY_MS) / MINUTE_MS);
}

function minutesOfText(time: string): number {
  const [hours = "0", minutes = "0"] = time.split(":");
  return Number(hours) * 60 + Number(minutes);
}
