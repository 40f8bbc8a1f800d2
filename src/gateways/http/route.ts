import { z } from "zod";
import type { Caller, Role } from "../../actors/access/messages.ts";
import type { NewId } from "../../core/random.ts";
import type { Api } from "./api.ts";
import type { AnswerStream } from "./exchange.ts";

export type Schema = z.ZodType;

const nothing = z.strictObject({});
type Nothing = typeof nothing;

/** One request that has been checked: what a handler is called with. */
export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly caller: Caller;
  readonly requestId: string;
  /** For what this request makes: one id, the same when it is repeated with its key. */
  readonly newId: NewId;
  readonly api: Api;
}

/** What a body that is handled while it comes in may be. */
export type UploadType = "text/csv" | "application/x-ndjson" | "text/plain";

/** A body that is handled while it comes in. */
export interface Upload {
  /** The announced length in bytes; 0 if it is not announced. */
  readonly bytes: number;
  /** Which of those that the route takes. */
  readonly mediaType: UploadType;
  /** The next piece, or undefined at the end. @throws RuntimeError when it is not to be had. */
  read(): Promise<Uint8Array | undefined>;
}

/** An open event stream, as a handler sees it. */
export interface EventSink extends AnswerStream {
  onClosed(call: () => void): void;
}

/** A request whose body has come and has not been read yet. */
export interface RawRequest {
  readonly params: Readonly<Record<string, string>>;
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  readonly api: Api;
}

/** What every route says of itself. From it come routing, checks, documents and audit. */
interface Facts<Params extends Schema, Query extends Schema> {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Parameters in braces: `/v1/campaigns/{id}`. */
  readonly path: `/${string}`;
  readonly tag:
    | "Members"
    | "Relations"
    | "Audiences"
    | "Campaigns"
    | "Messages"
    | "Uploads"
    | "Devices"
    | "Topics"
    | "Providers"
    | "Tokens"
    | "Insight"
    | "Node";
  /** What a token must at least be; `none` needs no token. */
  readonly role: Role | "none";
  /** The setting under which no token is needed after all. */
  readonly isPublicIf?: "metricsPublic" | "statusPublic";
  readonly summary: string;
  readonly details?: string;
  readonly params?: Params;
  readonly query?: Query;
  /** For probes and people who look for the cause: served also when busy or stopping. */
  readonly isAlwaysServed?: boolean;
  /** The change in the audit record, as `campaign.start`. Absent: changes nothing. */
  readonly action?: string;
}

type Deep<T> = T extends object ? { readonly [Key in keyof T]: Deep<T[Key]> } : T;

/** Answers with one JSON value. */
export interface JsonFacts<
  Params extends Schema,
  Query extends Schema,
  Body extends Schema,
  Answer extends Schema,
> extends Facts<Params, Query> {
  readonly status?: 200 | 201;
  readonly body?: Body;
  /** Where the limit of the body is not `bodyBytesMax`. */
  readonly bodyLimit?: "listBytesMax";
  readonly answer: Answer;
  /**
   * For a route without a token: whether whoever sent these bytes may call it.
   *
   * @throws RuntimeError `auth.signature`.
   */
  authenticate?(request: RawRequest): void;
  handle(
    call: Call<z.output<Params>, z.output<Query>, z.output<Body>>,
  ): Promise<Deep<z.output<Answer>>>;
  /** What a repeated request is answered, where the answer holds a secret. */
  replay?(answer: Deep<z.output<Answer>>): Deep<z.output<Answer>>;
  /** The same route with a body that is not JSON. */
  readonly upload?: {
    readonly mediaTypes: readonly [UploadType, ...UploadType[]];
    readonly details: string;
    /** Of the first type: what an example of a call uploads. */
    readonly example: { readonly query: string; readonly file: string };
    handle(
      call: Call<z.output<Params>, z.output<Query>, undefined>,
      upload: Upload,
    ): Promise<Deep<z.output<Answer>>>;
  };
}

/** Answers with server-sent events. */
export interface EventFacts<Params extends Schema, Query extends Schema>
  extends Facts<Params, Query> {
  /** The data of each event, by its name. */
  readonly events: Readonly<Record<string, Schema>>;
  /** Prepares the stream; only what it then returns may write to it. */
  open(
    call: Call<z.output<Params>, z.output<Query>, undefined>,
  ): Promise<(sink: EventSink) => void>;
}

/** A body of any length, which is made while it is read. */
export interface Download {
  readonly mediaType: string;
  /** What a browser calls it when it is saved. */
  readonly fileName: string;
  /** If it fails, the connection is cut, so that nobody takes a part for the whole. */
  readonly pieces: AsyncIterable<string>;
}

/** Answers with a body of any length. */
export interface DownloadFacts<Params extends Schema, Query extends Schema>
  extends Facts<Params, Query> {
  /** Those that `open` may choose from. */
  readonly mediaTypes: readonly string[];
  /** Whatever can be refused is refused here, before anything is written. */
  open(call: Call<z.output<Params>, z.output<Query>, undefined>): Promise<Download>;
}

/** Answers with text of some media type. */
export interface TextFacts extends Facts<Nothing, Nothing> {
  readonly mediaType: string;
  /** Of a page with a script: its Content-Security-Policy. */
  readonly policy?: string;
  render(call: Call<object, object, undefined>): Promise<string>;
}

export type JsonRoute = JsonFacts<Schema, Schema, Schema, Schema> & { readonly kind: "json" };
export type EventRoute = EventFacts<Schema, Schema> & { readonly kind: "events" };
export type TextRoute = TextFacts & { readonly kind: "text" };
export type DownloadRoute = DownloadFacts<Schema, Schema> & { readonly kind: "download" };
export type Route = JsonRoute | EventRoute | TextRoute | DownloadRoute;

export function jsonRoute<
  Params extends Schema = Nothing,
  Query extends Schema = Nothing,
  Body extends Schema = Nothing,
  Answer extends Schema = Nothing,
>(facts: JsonFacts<Params, Query, Body, Answer>): JsonRoute {
  // The handler is only called with what its own schemas returned.
  return { ...facts, kind: "json" } as unknown as JsonRoute;
}

export function eventRoute<Params extends Schema = Nothing, Query extends Schema = Nothing>(
  facts: EventFacts<Params, Query>,
): EventRoute {
  return { ...facts, kind: "events" } as unknown as EventRoute;
}

export function downloadRoute<Params extends Schema = Nothing, Query extends Schema = Nothing>(
  facts: DownloadFacts<Params, Query>,
): DownloadRoute {
  return { ...facts, kind: "download" } as unknown as DownloadRoute;
}

export function textRoute(facts: TextFacts): TextRoute {
  return { ...facts, kind: "text" };
}

export function paramsOf({ params }: Route): Schema {
  return params ?? nothing;
}

/** A route that says nothing of a body takes an empty object, as it takes an empty body. */
export function bodySchemaOf(route: Route): Schema {
  return (route.kind === "json" ? route.body : undefined) ?? nothing;
}

export function queryOf({ query }: Route): Schema {
  return query ?? nothing;
}
