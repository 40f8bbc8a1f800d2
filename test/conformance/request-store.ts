import { describe, expect, test } from "vitest";
import { type OpenStores, openFor } from "./open-stores.ts";

const claim = { key: "token/POST/campaigns/k1", fingerprint: "f1", owner: "boot-1", at: 100 };
const response = { status: 201, body: '{"id":"c1 ü 🎉"}' };

/** What every `RequestStore` must do. */
export function requestStoreConformance(name: string, open: OpenStores): void {
  const start = async () => (await openFor(open)).requests;

  describe(`${name} recognises repeated requests`, () => {
    test("the first claim is fresh, the next is running, and the answer is repeated", async () => {
      const store = await start();
      expect(await store.begin(claim)).toEqual({ type: "fresh" });
      expect(await store.begin(claim)).toEqual({ type: "running" });
      await store.finish(claim.key, response);
      expect(await store.begin(claim)).toEqual({ type: "done", response });
      expect(await store.begin({ ...claim, owner: "boot-2" })).toEqual({ type: "done", response });
      expect(await store.begin({ ...claim, key: "other" })).toEqual({ type: "fresh" });
    });

    test("of many claims at the same time exactly one is fresh", async () => {
      const store = await start();
      const claims = await Promise.all(Array.from({ length: 20 }, () => store.begin(claim)));
      expect(claims.filter(({ type }) => type === "fresh")).toHaveLength(1);
      expect(claims.filter(({ type }) => type === "running")).toHaveLength(19);
    });

    test("another body with the same key is a mismatch, running or done", async () => {
      const store = await start();
      await store.begin(claim);
      expect(await store.begin({ ...claim, fingerprint: "f2" })).toEqual({ type: "mismatch" });
      await store.finish(claim.key, response);
      expect(await store.begin({ ...claim, fingerprint: "f2" })).toEqual({ type: "mismatch" });
    });

    test("what a dead node left running is fresh again, for one", async () => {
      const store = await start();
      await store.begin(claim);
      const later = { ...claim, owner: "boot-2", at: 200 };
      expect(await store.begin(later)).toEqual({ type: "fresh" });
      expect(await store.begin(later)).toEqual({ type: "running" });
      expect(await store.purge(200)).toBe(0);
    });

    test("a claim that is given up is fresh again, but an answer is kept", async () => {
      const store = await start();
      await store.begin(claim);
      await store.abandon(claim.key);
      expect(await store.begin(claim)).toEqual({ type: "fresh" });
      await store.finish(claim.key, response);
      await store.abandon(claim.key);
      expect(await store.begin(claim)).toEqual({ type: "done", response });
    });

    test("old keys are forgotten, and finishing one does not bring it back", async () => {
      const store = await start();
      await store.begin(claim);
      await store.begin({ ...claim, key: "young", at: 200 });
      expect(await store.purge(100)).toBe(0);
      expect(await store.purge(200)).toBe(1);
      await store.finish(claim.key, response);
      expect(await store.begin(claim)).toEqual({ type: "fresh" });
      expect(await store.begin({ ...claim, key: "young" })).toEqual({ type: "running" });
    });
  });
}
