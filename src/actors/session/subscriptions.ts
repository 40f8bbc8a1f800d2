import type { DeviceRequest } from "../../core/device-request.ts";
import type { Ctx, SessionDeps, SessionState } from "./state.ts";
import { tellUnserved } from "./telling.ts";

type Subscribe = Extract<DeviceRequest, { type: "subscribe" }>;

export function subscribe(state: SessionState, { id }: Subscribe, _deps: SessionDeps, ctx: Ctx) {
  return tellUnserved(state, id, ctx);
}

type Unsubscribe = Extract<DeviceRequest, { type: "unsubscribe" }>;

export function unsubscribe(
  state: SessionState,
  { id }: Unsubscribe,
  _deps: SessionDeps,
  ctx: Ctx,
) {
  return tellUnserved(state, id, ctx);
}

type Publish = Extract<DeviceRequest, { type: "publish" }>;

export function publish(state: SessionState, { id }: Publish, _deps: SessionDeps, ctx: Ctx) {
  return tellUnserved(state, id, ctx);
}

type Who = Extract<DeviceRequest, { type: "who" }>;

export function who(state: SessionState, { id }: Who, _deps: SessionDeps, ctx: Ctx) {
  return tellUnserved(state, id, ctx);
}
