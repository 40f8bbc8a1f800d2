import { describe, expect, test } from "vitest";
import { audienceStoreConformance } from "./audience-store.ts";
import { auditStoreConformance } from "./audit-store.ts";
import { campaignStoreConformance } from "./campaign-store.ts";
import { campaignVersionsConformance } from "./campaign-versions.ts";
import { collectionStoreConformance } from "./collection-store.ts";
import { conditionConformance } from "./conditions.ts";
import { credentialStoreConformance } from "./credential-store.ts";
import { frequencyCapsConformance } from "./frequency-caps.ts";
import { inboxStoreConformance } from "./inbox-store.ts";
import { memberStoreConformance } from "./member-store.ts";
import { numberedStoreConformance } from "./numbered-store.ts";
import { audience, expectError, type OpenStores, openFor } from "./open-stores.ts";
import { outboxStoreConformance } from "./outbox-store.ts";
import { pageJournalConformance } from "./page-journal.ts";
import { receiptStoreConformance } from "./receipt-store.ts";
import { relationStoreConformance } from "./relation-store.ts";
import { requestStoreConformance } from "./request-store.ts";
import { subscriptionStoreConformance } from "./subscription-store.ts";
import { suppressionStoreConformance } from "./suppression-store.ts";

/** What every adapter must do: the suites of all ports, and what holds for all of them. */
export function storesConformance(name: string, open: OpenStores): void {
  audienceStoreConformance(name, open);
  collectionStoreConformance(name, open);
  memberStoreConformance(name, open);
  conditionConformance(name, open);
  suppressionStoreConformance(name, open);
  subscriptionStoreConformance(name, open);
  campaignStoreConformance(name, open);
  pageJournalConformance(name, open);
  campaignVersionsConformance(name, open);
  frequencyCapsConformance(name, open);
  inboxStoreConformance(name, open);
  credentialStoreConformance(name, open);
  auditStoreConformance(name, open);
  numberedStoreConformance(name, open);
  outboxStoreConformance(name, open);
  receiptStoreConformance(name, open);
  relationStoreConformance(name, open);
  requestStoreConformance(name, open);

  describe(`${name} is one set of stores`, () => {
    test("operations are counted by port and method, also those that fail", async () => {
      const stores = await openFor(open);
      expect(stores.operations()).toEqual({});
      await stores.audiences.create(audience("a1"));
      await expectError(stores.audiences.create(audience("a1")), "store.conflict");
      await stores.campaigns.read("c1");
      const counts = { "audiences.create": 2, "campaigns.read": 1 };
      expect(stores.operations()).toEqual(counts);
    });

    test("calls see what calls before them have done, without waiting for them", async () => {
      const { audiences } = await openFor(open);
      const [, read, , list] = await Promise.all([
        audiences.create(audience("a1")),
        audiences.read("a1"),
        audiences.update(audience("a1", { state: "finished" })),
        audiences.list({ limit: 1 }),
      ]);
      expect(read).toEqual(audience("a1"));
      expect(list.items[0]?.state).toBe("finished");
    });

    test("closing ends what is under way, and later calls are refused", async () => {
      const stores = await openFor(open);
      const last = stores.audiences.create(audience("a1"));
      await stores.close();
      await last;
      await expectError(stores.audiences.read("a1"), "store.unavailable");
      await stores.close();
    });
  });
}
