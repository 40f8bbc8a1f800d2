import type { DeviceRequest } from "../../core/device-request.ts";
import { command } from "./commands.ts";
import { heard } from "./inspecting.ts";
import { whoIsPresent } from "./looking.ts";
import { answer, send } from "./sending.ts";
import type { Ctx, SessionDeps, SessionState } from "./state.ts";
import { publish, subscribe, unsubscribe, who } from "./subscriptions.ts";
import { copiedAs, upload, uploadFirst } from "./uploading.ts";

/** Does what the device asks; each request with an id gets exactly one answer. */
export function request(
  state: SessionState,
  asked: DeviceRequest,
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  heard(state, ctx);
  if (asked.type === "send" || asked.type === "publish") {
    const kind = copiedAs(state, asked, deps);
    if (kind !== undefined) return uploadFirst(state, asked, kind, ctx);
  }
  return serve(state, asked, deps, ctx);
}

/** Does it, whatever else has to be done with it. */
export function serve(
  state: SessionState,
  asked: DeviceRequest,
  deps: SessionDeps,
  ctx: Ctx,
): SessionState {
  switch (asked.type) {
    case "send":
      return send(state, asked, deps, ctx);
    case "answer":
      return answer(state, asked, deps, ctx);
    case "subscribe":
      return subscribe(state, asked, deps, ctx);
    case "unsubscribe":
      return unsubscribe(state, asked, ctx);
    case "publish":
      return publish(state, asked, ctx);
    case "who":
      return "of" in asked ? whoIsPresent(state, asked, deps, ctx) : who(state, asked, ctx);
    case "upload":
      return upload(state, asked, deps, ctx);
    case "command":
      return command(state, asked, deps, ctx);
  }
}
