import type { Ref } from "../actors/kernel/actor.ts";
import type {
  ChangeAnswer,
  RelationChange,
  RelationsMessage,
} from "../actors/relations/messages.ts";
import type { BoardCommands } from "../actors/session/state.ts";
import { boardKey } from "../core/address.ts";
import type { BoardCommand } from "../core/device-request.ts";
import type { Result } from "../core/result.ts";
import type { Base } from "./base.ts";

const ASK_MS = 5_000;

/** Lets boards change themselves at the relations desk, which has it audited. */
export function boardCommands({ system }: Base, desk: Ref<RelationsMessage>): BoardCommands {
  return (board, command) => {
    const change = changeOf(board, command);
    return system.ask<RelationsMessage, Result<ChangeAnswer>>(
      desk,
      (replyTo) => ({ type: "change", change, by: boardKey(board), replyTo }),
      { deadlineMs: ASK_MS },
    );
  };
}

function changeOf(board: string, command: BoardCommand): RelationChange {
  switch (command.do) {
    case "rename":
      return { type: "rename", board, name: command.name };
    case "bind":
      return { type: "bind", board, user: command.user };
    case "unbind":
      return { type: "unbind", board };
  }
}
