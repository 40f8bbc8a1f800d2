/** Uploads a file, or as many members as wanted, to a node, in a process of its own. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { request } from "node:http";
import { Readable } from "node:stream";
import { answerParent } from "./child.ts";
import { memberId, memberLines } from "./lines.ts";

export interface UploadQuestion {
  readonly type: "upload";
  readonly url: string;
  readonly token: string;
  readonly file: string;
}

export interface UploadAnswer {
  readonly status: number;
  readonly body: string;
  /** From the first byte sent to the last one of the answer. */
  readonly ms: number;
}

/** As `upload`, of members that are made up on the way, so that they need no room. */
export interface GrowQuestion {
  readonly type: "grow";
  readonly url: string;
  readonly token: string;
  readonly members: number;
}

export type GrowAnswer = UploadAnswer;

const LINES_AT_ONCE = 2_000;

async function upload({ url, token, file }: UploadQuestion): Promise<UploadAnswer> {
  const { size } = await stat(file);
  return send({ url, token, size }, createReadStream(file, { highWaterMark: 1 << 18 }));
}

function grow({ url, token, members }: GrowQuestion): Promise<UploadAnswer> {
  const pieces = function* () {
    for (let from = 0; from < members; from += LINES_AT_ONCE) {
      yield memberLines(from, Math.min(members, from + LINES_AT_ONCE), memberId);
    }
  };
  let size = 0;
  for (const piece of pieces()) size += Buffer.byteLength(piece);
  return send({ url, token, size }, Readable.from(pieces()));
}

interface Target {
  readonly url: string;
  readonly token: string;
  readonly size: number;
}

function send({ url, token, size }: Target, body: Readable): Promise<UploadAnswer> {
  const startedAt = performance.now();
  const call = request(url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/x-ndjson",
      "content-length": String(size),
    },
  });
  body.pipe(call);
  return new Promise((resolve, reject) => {
    call.on("error", reject);
    call.on("response", (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => void pieces.push(piece));
      response.on("end", () => {
        const body = Buffer.concat(pieces).toString("utf8");
        resolve({ status: response.statusCode ?? 0, body, ms: performance.now() - startedAt });
      });
    });
  });
}

answerParent({ upload, grow });
