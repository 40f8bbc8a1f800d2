import { expect, expectTypeOf, test } from "vitest";
import { CODECS } from "../../clients/js/src/codec.ts";
import type { ClientFrame, ServerFrame } from "../../clients/js/src/frames.ts";
import type * as server from "../../src/gateways/protocol/frames.ts";
import { SUBPROTOCOLS } from "../../src/gateways/protocol/frames.ts";

test("the SDK's frames are the server's", () => {
  expectTypeOf<ServerFrame>().toEqualTypeOf<server.ServerFrame>();
  expectTypeOf<ClientFrame>().toExtend<server.ClientFrame>();
});

test("the SDK's subprotocols are the server's", () => {
  expect(CODECS.json.subprotocol).toBe(SUBPROTOCOLS.json);
  expect(CODECS.msgpack.subprotocol).toBe(SUBPROTOCOLS.msgpack);
});
