import { createHash } from "node:crypto";
import type { StoredResponse } from "../../actors/access/messages.ts";
import type { NewId } from "../../core/random.ts";
import { checkInput, type Input, mediaTypeOf, parseJson, requireJson } from "./check.ts";
import { type Answer, readBody, tooLarge } from "./exchange.ts";
import { claimKeyOf, type Finished, fingerprintOf, idsOf, type Job } from "./job.ts";
import { answerOf, mismatch, once } from "./once.ts";
import type { Call, JsonRoute, Upload, UploadType } from "./route.ts";

/** Does the work of a route that answers with JSON. The caller has been authorized. */
export async function runJson(job: Job, route: JsonRoute): Promise<Answer> {
  const { exchange } = job;
  const { upload } = route;
  const type = mediaTypeOf(exchange);
  const uploadType = upload?.mediaTypes.find((it) => it === type);
  if (uploadType !== undefined) return runUpload(job, route, uploadType);
  const bytes = await bodyOf(job, route);
  const { params, api } = job;
  route.authenticate?.({ params, headers: exchange.headers, body: bytes, api });
  if (route.body !== undefined || bytes.byteLength > 0) {
    requireJson(type, bytes.byteLength, upload?.mediaTypes.join(" or "));
  }
  const key = claimKeyOf(job);
  const said = parseJson(bytes);
  const input = checkInput(route, { params: job.params, query: exchange.query, body: said });
  // What was left out and has a default was not said.
  job.target = targetOf({ ...input, body: said }) ?? job.target;
  const fingerprint = fingerprintOf(exchange.query, bytes);
  const newId = key === undefined ? undefined : idsOf(() => `${key} ${fingerprint}`);
  const call = callOf(job, input, newId);
  const run = async (): Promise<Finished> => finish(job, route, await route.handle(call));
  if (key === undefined) return answerOf(await run());
  return once(job, { key, fingerprint }, { keepsErrors: true, replay: async (it) => it, run });
}

async function bodyOf(job: Job, route: JsonRoute): Promise<Uint8Array> {
  // Of a request that only reads the connection drops it.
  if (route.method === "GET") return new Uint8Array();
  const { clock, limits } = job.api;
  return readBody(job.exchange, {
    bytesMax: limits[route.bodyLimit ?? "bodyBytesMax"],
    timeLimit: (expired) => clock.after(limits.bodyMs, expired),
  });
}

/**
 * Handles a body while it comes in. Its hash is known only at the end, so it is kept with the
 * answer, and a repeated request is read to its end before it gets that answer again.
 */
async function runUpload(job: Job, route: JsonRoute, mediaType: UploadType): Promise<Answer> {
  const { exchange } = job;
  const key = claimKeyOf(job);
  const input = checkInput(route, { params: job.params, query: exchange.query });
  job.target = targetOf(input) ?? job.target;
  const body = new HashedUpload(job, mediaType);
  const fingerprint = fingerprintOf("upload", mediaType, exchange.query);
  const run = async (): Promise<Finished> => {
    const said = () => `${key} ${fingerprint} ${body.digest()}`;
    const newId = key === undefined ? undefined : idsOf(said);
    const call = callOf(job, input, newId) as Call<unknown, unknown, undefined>;
    const finished = finish(job, route, await route.upload!.handle(call, body));
    return { ...finished, stored: `${body.digest()}\n${finished.stored}` };
  };
  if (key === undefined) return answerOf(await run());
  const replay = (stored: StoredResponse): Promise<StoredResponse> => compare(body, stored);
  return once(job, { key, fingerprint }, { keepsErrors: false, replay, run });
}

async function compare(upload: HashedUpload, stored: StoredResponse): Promise<StoredResponse> {
  while ((await upload.read()) !== undefined);
  const [hash = "", ...body] = stored.body.split("\n");
  if (hash !== upload.digest()) throw mismatch();
  return { status: stored.status, body: body.join("\n") };
}

/** A body that is counted and hashed as it passes. */
class HashedUpload implements Upload {
  readonly bytes: number;
  readonly mediaType: UploadType;
  readonly #job: Job;
  readonly #hash = createHash("sha256");
  #received = 0;

  /** @throws RuntimeError `http.body-too-large` when it says so itself. */
  constructor(job: Job, mediaType: UploadType) {
    this.#job = job;
    this.mediaType = mediaType;
    this.bytes = job.exchange.length ?? 0;
    this.#limit(this.bytes);
  }

  async read(): Promise<Uint8Array | undefined> {
    const piece = await this.#job.exchange.read();
    if (piece === undefined) return undefined;
    this.#received += piece.byteLength;
    this.#limit(this.#received);
    this.#hash.update(piece);
    return piece;
  }

  digest(): string {
    return this.#hash.copy().digest("hex");
  }

  #limit(bytes: number): void {
    const { csvBytesMax } = this.#job.api.limits;
    if (bytes > csvBytesMax) throw tooLarge(bytes, csvBytesMax);
  }
}

export function callOf(
  job: Job,
  input: Input,
  newId: NewId = job.api.newId,
): Call<unknown, unknown, unknown> {
  const { caller, requestId, api } = job;
  return { ...input, caller, requestId, newId, api };
}

function finish(job: Job, route: JsonRoute, value: unknown): Finished {
  // What was named in the path is known already, and why it was changed.
  const made = idOf(value);
  if (made !== undefined && made !== job.params["id"]) job.target = made;
  const body = JSON.stringify(value);
  const stored = route.replay === undefined ? body : JSON.stringify(route.replay(value));
  return { status: route.status ?? 200, body, stored };
}

function idOf(value: unknown): string | undefined {
  const id = typeof value === "object" && value !== null && "id" in value ? value.id : undefined;
  return typeof id === "string" ? id : undefined;
}

/**
 * What a change is about, as far as the request says: its id, user, device, role, and why; or its
 * name.
 */
function targetOf({ params, query, body }: Input): string | undefined {
  const said = { ...(query as object), ...(body as object), ...(params as object) };
  const { id, board, user, device, role, name, reason, why = reason } = said as Said;
  const isText = (it: unknown): it is string => typeof it === "string";
  const whom = [id ?? board, user].filter(isText);
  if (whom.length === 0) return isText(name) ? name : undefined;
  const about = [...whom, device, role].filter(isText).join(" ");
  return isText(why) ? `${about}: ${why}` : about;
}

type Said = Readonly<Record<string, unknown>>;
