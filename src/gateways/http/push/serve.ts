import { z } from "zod";
import { invalid } from "../check.ts";
import { type Answer, readBody } from "../exchange.ts";
import type { Job } from "../job.ts";
import { type JsonRoute, jsonRoute } from "../route.ts";
import { doneAnswer } from "./reply.ts";
import type { PushRoute } from "./route.ts";
import { PUSH_ROUTES } from "./routes.ts";
import type { PushSettings } from "./settings.ts";
import { parseWide } from "./wide-json.ts";

/** A route of old callers, and what the gateway needs to know of it: role, action and name. */
export interface PushMatch {
  readonly push: PushRoute;
  readonly route: JsonRoute;
}

/** The routes of old callers by their path; any method is right. */
export function pushMatches(): ReadonlyMap<string, PushMatch> {
  return new Map(
    PUSH_ROUTES.map((push) => {
      const { path, role, action } = push;
      const route = jsonRoute({
        ...{ method: "POST", path, tag: "Campaigns", role, summary: "", answer: z.unknown() },
        ...(action === undefined ? {} : { action }),
        handle: async () => undefined,
      });
      return [path, { push, route }];
    }),
  );
}

/** Does the work of an old caller's request. The caller has been authorized. */
export async function runPush(job: Job, push: PushRoute, settings: PushSettings): Promise<Answer> {
  const { exchange, api, caller } = job;
  const { clock, limits } = api;
  const bytes = await readBody(exchange, {
    bytesMax: limits.listBytesMax,
    timeLimit: (expired) => clock.after(limits.bodyMs, expired),
  });
  const body = bytes.byteLength === 0 ? {} : parseBody(bytes);
  job.target = targetOf(body);
  return doneAnswer(await push.handle({ body, caller, api, settings }));
}

function parseBody(bytes: Uint8Array): unknown {
  try {
    return parseWide(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw invalid([{ path: "", expected: "JSON in UTF-8", got: "something else" }]);
  }
}

function targetOf(body: unknown): string {
  if (typeof body !== "object" || body === null) return "";
  const { id, cid } = body as Record<string, unknown>;
  const said = id ?? cid;
  return typeof said === "string" || typeof said === "number" ? String(said).slice(0, 64) : "";
}
