import type { DeviceRequest } from "../../core/device-request.ts";
import type { Ctx, SessionDeps, SessionState } from "./state.ts";
import { tellUnserved } from "./telling.ts";

type Command = Extract<DeviceRequest, { type: "command" }>;

export function command(state: SessionState, { id }: Command, _deps: SessionDeps, ctx: Ctx) {
  return tellUnserved(state, id, ctx);
}
