import type { ErrorCode } from "../../core/errors.ts";
import type { AudienceStore } from "../ports/audience.ts";
import type { CollectionStore, PulledPage } from "../ports/collections.ts";
import type { InboxLimits, InboxStore, NewInboxItem } from "../ports/inbox.ts";
import type {
  MemberCounts,
  MemberQuery,
  MemberStore,
  Scan,
  ScanRequest,
} from "../ports/members.ts";
import type { ChangeTexts } from "./member-changes.ts";

/** One operation and its arguments, as `["campaigns.advance", [step]]`. */
export type Call = readonly [operation: string, args: readonly unknown[]];

/** An error on its way between the threads. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** One call's outcome. */
export type Answer = { readonly value: unknown } | { readonly failure: Failure };

/** What the storage thread is told. Calls are answered in their order. */
export type ToStorage =
  | { readonly type: "calls"; readonly calls: readonly Call[] }
  | { readonly type: "close" };

/** What the storage thread says. */
export type FromStorage =
  | { readonly type: "opened"; readonly operations: readonly string[] }
  | { readonly type: "refused"; readonly failure: Failure }
  | { readonly type: "answers"; readonly answers: readonly Answer[] };

/** What the storage thread needs to open its database. */
export interface StorageOptions {
  readonly file: string;
  readonly inbox: InboxLimits;
  /** `full` also survives a power failure, at one disk flush per commit. */
  readonly synchronous: "normal" | "full";
  /** Attributes of members that have an index. */
  readonly indexedAttributes: readonly string[];
  /** The file's limit, in pages of 8 KB; 0 means none. */
  readonly filePagesMax: number;
}

/** Recipients as JSON text: it crosses between threads much cheaper than objects do. */
export interface RecipientsText {
  readonly partition: number;
  readonly recipients: string;
}

export interface PageText extends RecipientsText {
  readonly k: number;
  readonly size: number;
  readonly zone: string;
}

/** The audience port between the threads. */
export interface AudienceTexts
  extends Omit<AudienceStore, "spill" | "readSpill" | "seal" | "page"> {
  spill(id: string, chunks: readonly RecipientsText[]): Promise<void>;
  readSpill(id: string, partition: number): Promise<readonly string[]>;
  seal(id: string, partition: number, pages: readonly PageText[]): Promise<void>;
  page(
    id: string,
    partition: number,
    k: number,
  ): Promise<{ readonly zone: string; readonly recipients: string } | undefined>;
}

/** The inbox port between the threads: the clock is on the other side. */
export interface TimedInbox extends Omit<InboxStore, "append"> {
  append(items: readonly NewInboxItem[], now: number): ReturnType<InboxStore["append"]>;
}

/** The collection port between the threads. */
export interface CollectionTexts extends Omit<CollectionStore, "addPart" | "addPulled"> {
  addPart(
    audience: string,
    epoch: number,
    part: Parameters<CollectionStore["addPart"]>[2],
    pages: readonly PageText[],
  ): Promise<boolean>;
  addPulled(
    audience: string,
    page: Omit<PulledPage, "chunks"> & { readonly chunks: readonly RecipientsText[] },
  ): Promise<boolean>;
}

export interface ScannedText extends Omit<Scan, "members"> {
  /** JSON of `[id, locale, timeZone, attributes]` each. */
  readonly members: string;
}

/** The member port between the threads. */
export interface MemberTexts extends Omit<MemberStore, "upsert" | "count" | "scan"> {
  upsert(changes: ChangeTexts, at: number): Promise<readonly number[]>;
  /** Counts in some buckets. */
  countIn(query: MemberQuery, buckets: readonly number[]): Promise<MemberCounts>;
  scan(query: MemberQuery, request: ScanRequest): Promise<ScannedText>;
}
