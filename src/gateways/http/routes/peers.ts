import { z } from "zod";
import { boardKey } from "../../../core/address.ts";
import { RuntimeError } from "../../../core/errors.ts";
import type { Api, PeerView } from "../api.ts";
import { jsonRoute, type Route } from "../route.ts";
import { answer, instant, text } from "../schemas.ts";
import { boardId, byBoard, ofUser } from "./relation-schemas.ts";

const place = answer(
  "PeerAddress",
  z.object({
    device: z.string().describe("What the principal calls this device."),
    address: z.string().describe("As seen from here, behind whatever translates it."),
    port: z.int(),
    since: instant,
  }),
);

const introduction = answer("Introduction", z.object({ board: place, user: place }));

const oldAddress = answer(
  "OldPeerAddress",
  z.object({
    status: z.int().describe("0, or 1 when it is not here over UDP."),
    deviceAddr: z.string().describe("Address and port, as `192.0.2.7:4711`."),
  }),
);

const ofDevice = z.strictObject({
  device: text(128).optional().describe("Only this device; else the one that came last."),
});

function found(api: Api, principal: string, device?: string): PeerView {
  const peer = api.peers?.find(principal, device);
  if (peer !== undefined) return peer;
  throw new RuntimeError("route.offline", `${principal} is not here over UDP`);
}

/** Where devices are on the Internet, for those that want to talk to each other directly. */
export const peerRoutes: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/v1/boards/{id}/address",
    tag: "Relations",
    role: "operator",
    summary: "Show the address from which a board is here over UDP",
    params: byBoard,
    query: ofDevice,
    answer: place,
    handle: async ({ params: { id }, query: { device }, api }) => found(api, boardKey(id), device),
  }),
  jsonRoute({
    method: "POST",
    path: "/v1/boards/{id}/introduce",
    tag: "Relations",
    role: "operator",
    action: "board.introduce",
    summary: "Tell a board and a user's phone each other's address",
    details:
      "Both get a push with the topic `herald.peer`, so that both can send first and open a way " +
      "through what translates their addresses. Refused unless the user may reach the board.",
    params: byBoard,
    body: ofUser,
    answer: introduction,
    handle: async ({ params: { id }, body: { user }, api }) => {
      const [board, phone] = [found(api, boardKey(id)), found(api, user)];
      const told = await api.peers!.introduce(user, phone, boardKey(id));
      if (!told.ok) throw told.error;
      api.peers!.tell(user, boardKey(id), board);
      return { board, user: phone };
    },
  }),
  jsonRoute({
    method: "GET",
    path: "/api/device/udpaddr",
    tag: "Relations",
    role: "operator",
    summary: "The same as the device proxy of old answered it",
    query: z.strictObject({ deviceId: boardId.meta({ examples: ["lamp-1"] }) }),
    answer: oldAddress,
    handle: async ({ query: { deviceId }, api }) => {
      const peer = api.peers?.find(boardKey(deviceId));
      if (peer === undefined) return { status: 1, deviceAddr: "" };
      const { address, port } = peer;
      const host = address.includes(":") ? `[${address}]` : address;
      return { status: 0, deviceAddr: `${host}:${port}` };
    },
  }),
];
