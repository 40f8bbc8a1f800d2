import type { Clock } from "../../core/clock.ts";
import type { RuntimeError } from "../../core/errors.ts";
import type { AudienceStore, Page, Recipient, SpillChunk } from "../ports/audience.ts";
import type { CollectionStore } from "../ports/collections.ts";
import type { InboxStore } from "../ports/inbox.ts";
import type { Stores } from "../ports/stores.ts";
import { StorageLink } from "./link.ts";
import { membersFrom } from "./member-link.ts";
import type {
  AudienceTexts,
  CollectionTexts,
  PageText,
  RecipientsText,
  TimedInbox,
} from "./wire.ts";

/** Where a node keeps its data, and how safely. */
export interface SqliteOptions {
  /** The database file; its folder is made when it is missing, and is this node's alone. */
  readonly file: string;
  /** Unsettled items that a user's inbox holds before the oldest are shed. */
  readonly inboxPerUserMax: number;
  /** Bytes of their payloads, of which the same is true. Default: no limit. */
  readonly inboxPerUserBytesMax?: number;
  /**
   * `normal` survives the death of the process; `full` also that of the machine, at the price
   * of a disk flush per commit.
   */
  readonly synchronous: "normal" | "full";
  readonly clock: Clock;
  /**
   * Attributes of members that have an index. Those that are new get theirs at the opening, which
   * takes about two seconds per million members. Default: none.
   */
  readonly indexedAttributes?: readonly string[];
  /** Called once when the storage thread dies by itself; every later call is refused. */
  readonly onFailure?: (error: RuntimeError) => void;
  /** The largest size of the file, in pages of 8 KB. Default: no limit. */
  readonly filePagesMax?: number;
}

/**
 * Opens the stores on one SQLite file, in a thread of their own.
 *
 * What has resolved survives a kill -9. Calls made in one turn of the event loop share one
 * commit; calls run in the order in which they were made.
 *
 * @throws RuntimeError `store.locked` when another node has the folder, `store.unavailable`
 * when the file cannot be used or is a newer Herald's. Any call: `store.unavailable` when the
 * disk fails.
 */
export async function openSqliteStores(options: SqliteOptions): Promise<Stores> {
  const { file, inboxPerUserMax, synchronous, clock, onFailure } = options;
  const { inboxPerUserBytesMax = Number.MAX_SAFE_INTEGER } = options;
  const { filePagesMax = 0, indexedAttributes = [] } = options;
  const inbox = { perUserMax: inboxPerUserMax, perUserBytesMax: inboxPerUserBytesMax };
  const storage = { file, inbox, synchronous, filePagesMax, indexedAttributes };
  const link = new StorageLink(storage, onFailure ?? (() => {}));
  const operations = await link.opened();

  /** The port's methods, each a call across. The storage thread's own types vouch for them. */
  const port = <Port>(name: keyof Stores): Port => {
    const methods = operations.filter((operation) => operation.startsWith(`${name}.`));
    const entries = methods.map((operation) => {
      const method = (...args: readonly unknown[]) => link.call(operation, args);
      return [operation.slice(name.length + 1), method];
    });
    return Object.fromEntries(entries) as Port;
  };

  return {
    audiences: audiencesFrom(port("audiences")),
    collections: collectionsFrom(port("collections")),
    members: membersFrom(port("members")),
    suppressions: port("suppressions"),
    subscriptions: port("subscriptions"),
    campaigns: port("campaigns"),
    inbox: inboxFrom(port("inbox"), clock),
    credentials: port("credentials"),
    audit: port("audit"),
    outbox: port("outbox"),
    receipts: port("receipts"),
    numbered: port("numbered"),
    relations: port("relations"),
    requests: port("requests"),
    operations: () => ({ ...link.counts }),
    close: () => link.close(),
  };
}

/** Turns recipients into text and back. One page of a thousand takes about half a millisecond. */
function audiencesFrom(texts: AudienceTexts): AudienceStore {
  const recipientsOf = (text: string) => JSON.parse(text) as Recipient[];
  return {
    ...texts,
    spill: (id, chunks) => texts.spill(id, spillOf(chunks)),
    readSpill: async (id, partition) =>
      (await texts.readSpill(id, partition)).flatMap(recipientsOf),
    seal: (id, partition, pages) => texts.seal(id, partition, textsOf(pages)),
    page: async (id, { partition, k }) => {
      const row = await texts.page(id, partition, k);
      if (row === undefined) return undefined;
      const { zone, recipients } = row;
      const content = { partition, k, recipients: recipientsOf(recipients) };
      return zone === "" ? content : { ...content, zone };
    },
  };
}

function collectionsFrom(texts: CollectionTexts): CollectionStore {
  return {
    ...texts,
    addPart: (id, epoch, part, pages) => texts.addPart(id, epoch, part, textsOf(pages)),
    addPulled: (id, page) => texts.addPulled(id, { ...page, chunks: spillOf(page.chunks) }),
  };
}

function spillOf(chunks: readonly SpillChunk[]): RecipientsText[] {
  return chunks.map(({ partition, recipients }) => ({
    partition,
    recipients: JSON.stringify(recipients),
  }));
}

function textsOf(pages: readonly Page[]): PageText[] {
  return pages.map(({ partition, k, zone = "", recipients, text }) => ({
    partition,
    k,
    zone,
    size: recipients.length,
    recipients: text ?? JSON.stringify(recipients),
  }));
}

function inboxFrom(timed: TimedInbox, clock: Clock): InboxStore {
  return { ...timed, append: (items) => timed.append(items, clock.now()) };
}
