import type { DeviceRequest } from "../../core/device-request.ts";
import type { Ctx, SessionDeps, SessionState } from "./state.ts";
import { tellUnserved } from "./telling.ts";

type Upload = Extract<DeviceRequest, { type: "upload" }>;

export function upload(state: SessionState, { id }: Upload, _deps: SessionDeps, ctx: Ctx) {
  return tellUnserved(state, id, ctx);
}
