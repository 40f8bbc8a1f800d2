import { expect, test } from "vitest";
import { seededRandom } from "../../src/core/random.ts";
import {
  dependsOnZone,
  dueIn,
  isTimeZone,
  openingOf,
  quietUntil,
  type Schedule,
} from "../../src/core/schedule.ts";

const at = (text: string): number => Date.parse(text);
const local = (time: string): Schedule => ({
  local: time,
  defaultTimeZone: "Europe/Paris",
  maxLatenessMs: 0,
});

test.each([
  ["Europe/Paris", "2026-07-01T09:00", "2026-07-01T07:00:00Z"],
  ["Europe/Paris", "2026-12-01T09:00", "2026-12-01T08:00:00Z"],
  ["Asia/Kathmandu", "2026-07-01T09:00", "2026-07-01T03:15:00Z"],
  ["America/St_Johns", "2026-07-01T09:00", "2026-07-01T11:30:00Z"],
  ["Pacific/Kiritimati", "2026-07-01T09:00", "2026-06-30T19:00:00Z"],
  ["Etc/GMT+12", "2026-07-01T09:00", "2026-07-01T21:00:00Z"],
])("in %s %s is %s", (zone, time, instant) => {
  expect(dueIn(local(time), zone)).toBe(at(instant));
});

test("a time that clocks show twice is the first one, and one that they skip is later", () => {
  // Clocks in Paris go from 03:00 back to 02:00 on 25 October, from 02:00 to 03:00 on 29 March.
  expect(dueIn(local("2026-10-25T02:30"), "Europe/Paris")).toBe(at("2026-10-25T00:30:00Z"));
  expect(dueIn(local("2026-10-25T03:00"), "Europe/Paris")).toBe(at("2026-10-25T02:00:00Z"));
  expect(dueIn(local("2026-03-29T02:30"), "Europe/Paris")).toBe(at("2026-03-29T01:30:00Z"));
  expect(dueIn(local("2026-03-29T01:59"), "Europe/Paris")).toBe(at("2026-03-29T00:59:00Z"));
});

test("whatever the zone and the day, the clocks there show the time asked for", () => {
  const random = seededRandom(5);
  const zones = ["America/New_York", "Australia/Lord_Howe", "Asia/Tokyo", "Africa/Casablanca"];
  for (let round = 0; round < 400; round += 1) {
    const zone = zones[Math.floor(random() * zones.length)]!;
    const day = at("2026-01-01T12:00:00Z") + Math.floor(random() * 365) * 86_400_000;
    // Noon is nowhere skipped or repeated.
    const time = `${new Date(day).toISOString().slice(0, 10)}T12:00`;
    const shown = new Date(dueIn(local(time), zone)).toLocaleString("sv-SE", { timeZone: zone });
    expect(shown, zone).toBe(`${time.replace("T", " ")}:00`);
  }
});

test("quiet hours end by the clock, over midnight and when clocks change", () => {
  const quiet = { from: "22:00", to: "08:00", zone: "member" };
  const ends = (instant: string): number => quietUntil(quiet, "Europe/Paris", at(instant));
  expect(ends("2026-07-01T19:59:59Z")).toBe(at("2026-07-01T19:59:59Z"));
  expect(ends("2026-07-01T20:00:00Z")).toBe(at("2026-07-02T06:00:00Z"));
  expect(ends("2026-07-02T05:59:59Z")).toBe(at("2026-07-02T06:00:00Z"));
  expect(ends("2026-07-02T06:00:00Z")).toBe(at("2026-07-02T06:00:00Z"));
  // The night of 28 March is an hour shorter, that of 24 October an hour longer.
  expect(ends("2026-03-28T22:00:00Z")).toBe(at("2026-03-29T06:00:00Z"));
  expect(ends("2026-10-24T22:00:00Z")).toBe(at("2026-10-25T07:00:00Z"));
});

test("quiet hours that end in an hour shown twice end after the present, not before it", () => {
  const quiet = { from: "22:00", to: "02:30", zone: "member" };
  // 02:10 for the second time; 02:30 was shown once already.
  const now = at("2026-10-25T01:10:00Z");
  expect(quietUntil(quiet, "Europe/Paris", now)).toBe(at("2026-10-25T01:30:00Z"));
});

test("a zone opens when it is due and not quiet, and closes when it gets quiet", () => {
  const schedule = { ...local("2026-07-01T21:00") };
  const quietHours = { from: "22:00", to: "08:00", zone: "member" };
  const now = at("2026-07-01T00:00:00Z");
  const paris = openingOf({ schedule, quietHours }, "", now);
  expect(paris).toEqual({
    dueAt: at("2026-07-01T19:00:00Z"),
    opensAt: at("2026-07-01T19:00:00Z"),
    closesAt: at("2026-07-01T20:00:00Z"),
  });
  const later = openingOf({ schedule, quietHours }, "Europe/Paris", at("2026-07-01T23:00:00Z"));
  expect(later.opensAt).toBe(at("2026-07-02T06:00:00Z"));
  expect(openingOf({}, "Asia/Tokyo", now)).toMatchObject({ dueAt: 0, opensAt: now });
  expect(openingOf({}, "", now).closesAt).toBe(Number.POSITIVE_INFINITY);
});

test("only local times and members' own quiet hours depend on the zone", () => {
  expect(dependsOnZone({ schedule: local("2026-07-01T21:00") })).toBe(true);
  expect(dependsOnZone({ schedule: { at: 1, maxLatenessMs: 0 } })).toBe(false);
  const hours = { from: "22:00", to: "08:00" };
  expect(dependsOnZone({ quietHours: { ...hours, zone: "member" } })).toBe(true);
  expect(dependsOnZone({ quietHours: { ...hours, zone: "UTC" } })).toBe(false);
});

test("a zone that does not exist is told apart, and counts as the default", () => {
  expect(isTimeZone("Europe/Paris")).toBe(true);
  expect(isTimeZone("Europe/Atlantis")).toBe(false);
  const schedule = local("2026-07-01T09:00");
  expect(openingOf({ schedule }, "Europe/Atlantis", 0)).toEqual(openingOf({ schedule }, "", 0));
});
