import { describe, expect, test } from "vitest";
import type { Broker } from "../../src/broker/broker.ts";
import { ok } from "../../src/core/result.ts";
import type { NewUpload } from "../../src/persistence/ports/outbox.ts";

/** A broker under test, and what its consumers have got of it. */
export interface OpenBroker {
  readonly broker: Broker;
  /** Everything published so far, in order. */
  received(): Promise<readonly NewUpload[]>;
}

const upload = (key: string, changes: Partial<NewUpload> = {}): NewUpload => ({
  ...{ principal: "board:b1", device: "main", kind: "state", payload: `"${key}"` },
  ...{ key, at: 1_000 },
  ...changes,
});

/** What every `Broker` must do. */
export function brokerConformance(name: string, open: () => Promise<OpenBroker>): void {
  describe(`${name} is a broker`, () => {
    test("what it took is received whole and in order", async () => {
      const { broker, received } = await open();
      const uploads = [
        upload("a", { payload: '{"text":"Grüße"}', kind: "alarm.fire" }),
        upload("b"),
      ];
      expect(await broker.publish(uploads)).toEqual([ok(true), ok(true)]);
      await broker.publish([upload("c")]);
      expect(await received()).toEqual([...uploads, upload("c")]);
    });

    test("published again with its key, an upload is still one", async () => {
      const { broker, received } = await open();
      await broker.publish([upload("a")]);
      expect(await broker.publish([upload("a"), upload("b")])).toEqual([ok(true), ok(true)]);
      expect((await received()).map(({ key }) => key)).toEqual(["a", "b"]);
    });

    test("publishing nothing is fine", async () => {
      const { broker, received } = await open();
      expect(await broker.publish([])).toEqual([]);
      expect(await received()).toEqual([]);
    });
  });
}
