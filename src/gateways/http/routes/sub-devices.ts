import { z } from "zod";
import { userKind } from "../../../actors/user/messages.ts";
import { boardKey } from "../../../core/address.ts";
import { jsonRoute, type Route } from "../route.ts";
import { answer, instant } from "../schemas.ts";
import { byBoard } from "./relation-schemas.ts";

const subDevices = answer(
  "SubDevices",
  z.object({ items: z.array(z.object({ sub: z.string(), since: instant })) }),
);

/** Devices behind a board, which have no connection of their own. */
export const subDeviceRoutes: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/v1/boards/{id}/subs",
    tag: "Relations",
    role: "viewer",
    summary: "List the devices behind a board that are online",
    details:
      "As the board has said by the commands `sub-online` and `sub-offline`; none while the " +
      "board itself is away.",
    params: byBoard,
    answer: subDevices,
    handle: async ({ params: { id }, api }) => {
      await api.ask(api.actors.relations, { type: "read-board", board: id });
      const board = api.system.find(userKind, boardKey(id));
      const items = board === undefined ? [] : await api.ask(board, { type: "list-subs" });
      return { items: [...items] };
    },
  }),
];
