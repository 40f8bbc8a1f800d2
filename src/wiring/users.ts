import { userType } from "../actors/user/behavior.ts";
import { userKind } from "../actors/user/messages.ts";
import { newUser, USER_LIMITS } from "../actors/user/state.ts";
import type { Base } from "./base.ts";

/** Lets principals, users and boards, come to be when their first device logs in. */
export function openUsers({ config, system, tally }: Base): void {
  const { login, presence } = config;
  const phone = { policy: login.phones, max: login.phonesMax, whenFull: login.phonesWhenFull };
  const board = { policy: login.boards, max: login.boardsMax, whenFull: login.boardsWhenFull };
  const limits = { ...USER_LIMITS, login: { phone, board }, presence };
  const type = userType({ tally, limits });
  system.registerEntity(userKind, { under: system.supervisor("users"), type, state: newUser });
}
