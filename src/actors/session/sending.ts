import type { DeviceRequest } from "../../core/device-request.ts";
import type { Ctx, SessionDeps, SessionState } from "./state.ts";
import { tellUnserved } from "./telling.ts";

type Send = Extract<DeviceRequest, { type: "send" }>;

export function send(state: SessionState, { id }: Send, _deps: SessionDeps, ctx: Ctx) {
  return tellUnserved(state, id, ctx);
}

type Answer = Extract<DeviceRequest, { type: "answer" }>;

export function answer(state: SessionState, _answer: Answer, _deps: SessionDeps, _ctx: Ctx) {
  return state;
}
