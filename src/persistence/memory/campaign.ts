import { RuntimeError } from "../../core/errors.ts";
import { pageOf, readCursor } from "../cursor.ts";
import type {
  Campaign,
  CampaignRecords,
  CampaignStore,
  Certificate,
  SpecVersion,
  Transition,
} from "../ports/campaign.ts";
import type { Synchronous } from "../synchronous.ts";
import type { MemoryAudiences } from "./audience.ts";
import { type JournalEntry, memoryJournal } from "./page-journal.ts";
import { copyOf, newestFirst } from "./rows.ts";

interface Entry extends JournalEntry {
  campaign: Campaign;
  readonly log: Transition[];
  readonly versions: SpecVersion[];
  readonly certificates: Certificate[];
}

type Entries = Map<string, Entry>;

/** How long a counted message is remembered, in milliseconds. */
const CAPS_KEPT_MS = 31 * 24 * 3_600_000;

export function memoryCampaigns(audiences: MemoryAudiences): Synchronous<CampaignStore> {
  const entries: Entries = new Map();
  return {
    ...records(entries),
    ...changes(entries),
    ...memoryJournal(entries, audiences),
    ...caps(),
  };
}

type Changes = "transition" | "edit" | "tune";

function records(entries: Entries): Omit<Synchronous<CampaignRecords>, Changes> {
  return {
    create(campaign, by) {
      const { id, state, epoch, why, createdAt: at } = campaign;
      if (entries.has(id)) throw new RuntimeError("store.conflict", `campaign ${id} exists`);
      const first = { from: state, to: state, epoch, by, why, at };
      const { spec } = splitCampaign(campaign);
      const version = copyOf({ version: campaign.version, spec, by, why, at });
      entries.set(id, {
        ...{ campaign: copyOf(campaign), log: [first], versions: [version] },
        ...{ certificates: [], pages: new Map() },
      });
    },
    read: (id) => copyOf(entries.get(id)?.campaign),
    list(request) {
      const campaigns = [...entries.values()].map((entry) => entry.campaign);
      const wanted = request.state;
      return newestFirst(
        campaigns,
        request,
        ({ state }) => wanted === undefined || state === wanted,
      );
    },
    log: (id, request) => numbered(entries.get(id)?.log ?? [], request),
    versions: (id, request) => numbered(entries.get(id)?.versions ?? [], request),
    certify(certificate) {
      const entry = find(entries, certificate.campaign);
      const all = [...entries.values()].flatMap(({ certificates }) => certificates);
      if (all.some(({ id }) => id === certificate.id)) {
        throw new RuntimeError("store.conflict", `certificate ${certificate.id} exists`);
      }
      entry.certificates.push(copyOf(certificate));
    },
    certificate: (id) => copyOf(entries.get(id)?.certificates.at(-1)),
  };
}

function changes(entries: Entries): Pick<Synchronous<CampaignRecords>, Changes> {
  return {
    transition(id, expected, { run, ...change }) {
      const entry = find(entries, id);
      const { state } = expectState(entry.campaign, expected);
      const { to, why, at, epoch } = change;
      const changed = { state: to, epoch, why, changedAt: at, run: run ?? entry.campaign.run };
      entry.campaign = copyOf({ ...entry.campaign, ...changed });
      entry.log.push({ ...change, from: state });
      return copyOf(entry.campaign);
    },
    edit(id, expected, { spec, by, why, at }) {
      const entry = find(entries, id);
      const { rest } = splitCampaign(entry.campaign);
      const { state, version: found } = rest;
      if (state !== expected.state || found !== expected.version) {
        const message = `${id} is ${state} at version ${found}, not ${expected.state}`;
        throw new RuntimeError("store.conflict", `${message} at version ${expected.version}`);
      }
      const version = found + 1;
      entry.campaign = copyOf({ ...spec, ...rest, version, changedAt: at });
      entry.versions.push(copyOf({ version, spec, by, why, at }));
      return copyOf(entry.campaign);
    },
    tune(id, expected, { workers, rate, by, why, at }) {
      const entry = find(entries, id);
      const { state, epoch } = expectState(entry.campaign, expected);
      entry.campaign = { ...entry.campaign, workers, rate, changedAt: at };
      entry.log.push({ from: state, to: state, epoch, by, why, at });
      return copyOf(entry.campaign);
    },
  };
}

function expectState(
  { id, state, epoch }: Campaign,
  expected: Pick<Campaign, "state" | "epoch">,
): Pick<Campaign, "state" | "epoch"> {
  if (state === expected.state && epoch === expected.epoch) return { state, epoch };
  const message = `${id} is ${state} in epoch ${epoch}, not ${expected.state}`;
  throw new RuntimeError("store.conflict", `${message} in epoch ${expected.epoch}`);
}

/** What somebody has specified, and the rest. */
function splitCampaign(campaign: Campaign) {
  const { id, state, why, epoch, version, run, createdAt, changedAt, ...spec } = campaign;
  return { spec, rest: { id, state, why, epoch, version, run, createdAt, changedAt } };
}

function caps(): Pick<Synchronous<CampaignStore>, "takeCaps" | "returnCaps" | "overCaps"> {
  /** By member: when each item was counted. */
  const counted = new Map<string, Map<string, number>>();
  return {
    takeCaps({ entries, cap, now }) {
      return entries.map(({ member, item }) => {
        const items = counted.get(member) ?? new Map<string, number>();
        for (const [id, at] of items) if (at <= now - CAPS_KEPT_MS) items.delete(id);
        if (items.has(item)) return true;
        const recent = [...items.values()].filter((at) => at > now - cap.perMs);
        if (recent.length >= cap.max) return false;
        counted.set(member, items.set(item, now));
        return true;
      });
    },
    returnCaps({ entries }) {
      for (const { member, item } of entries) counted.get(member)?.delete(item);
    },
    overCaps: ({ members, cap, now }) =>
      members.map((member) => {
        const times = [...(counted.get(member)?.values() ?? [])];
        return times.filter((at) => at > now - cap.perMs).length >= cap.max;
      }),
  };
}

function numbered<Row>(
  rows: readonly Row[],
  request: { after?: string | undefined; limit: number },
) {
  const [after] = readCursor(request.after, [0]);
  const left = rows.map((row, index) => ({ row, n: index + 1 })).slice(after);
  const { items, next } = pageOf(left, request, ({ n }) => String(n));
  return { items: items.map(({ row }) => copyOf(row)), next };
}

function find(entries: Entries, id: string): Entry {
  const entry = entries.get(id);
  if (entry === undefined) {
    throw new RuntimeError("campaign.unknown", `there is no campaign ${id}`);
  }
  return entry;
}
