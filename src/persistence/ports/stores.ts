import type { AudienceStore } from "./audience.ts";
import type { AuditStore } from "./audit.ts";
import type { CampaignStore } from "./campaign.ts";
import type { CollectionStore } from "./collections.ts";
import type { CredentialStore } from "./credentials.ts";
import type { InboxStore } from "./inbox.ts";
import type { MemberStore } from "./members.ts";
import type { NumberedStore } from "./numbered.ts";
import type { OutboxStore } from "./outbox.ts";
import type { ReceiptStore } from "./receipts.ts";
import type { RelationStore } from "./relations.ts";
import type { RequestStore } from "./requests.ts";
import type { SubscriptionStore } from "./subscriptions.ts";
import type { SuppressionStore } from "./suppressions.ts";

/** Everything a node remembers, one port per domain, opened and closed together. */
export interface Stores {
  readonly audiences: AudienceStore;
  readonly collections: CollectionStore;
  readonly members: MemberStore;
  readonly suppressions: SuppressionStore;
  readonly subscriptions: SubscriptionStore;
  readonly campaigns: CampaignStore;
  readonly inbox: InboxStore;
  readonly credentials: CredentialStore;
  readonly audit: AuditStore;
  readonly numbered: NumberedStore;
  readonly outbox: OutboxStore;
  readonly receipts: ReceiptStore;
  readonly relations: RelationStore;
  readonly requests: RequestStore;
  /** How many operations each port has been asked for since the start, by `port.method`. */
  operations(): Readonly<Record<string, number>>;
  /** Ends what is under way, then releases the data. */
  close(): Promise<void>;
}
