import type { Ref } from "../../actors/kernel/actor.ts";
import type { Result } from "../../core/result.ts";
import type { Api } from "./api.ts";
import type { Upload } from "./route.ts";

/** Size of the pieces that an import is fed with: it handles one without a pause. */
const CHUNK_BYTES = 65_536;

/** What an import takes from whoever feeds it. */
type Fed<Progress, Answer> =
  | {
      readonly type: "chunk";
      readonly bytes: Uint8Array;
      readonly replyTo: Ref<Result<Progress>>;
    }
  | { readonly type: "end"; readonly replyTo: Ref<Result<Answer>> }
  | { readonly type: "abort"; readonly why: string };

/**
 * Feeds an import piece by piece: the connection is read on when the last one was taken. An
 * upload that breaks off aborts the import.
 */
export async function feed<Progress, Answer>(
  target: Ref<Fed<Progress, Answer>>,
  upload: Upload,
  { api, requestId }: { readonly api: Api; readonly requestId: string },
): Promise<Answer> {
  try {
    for (let piece = await upload.read(); piece !== undefined; piece = await upload.read()) {
      for (let start = 0; start < piece.byteLength; start += CHUNK_BYTES) {
        const bytes = piece.subarray(start, start + CHUNK_BYTES);
        await api.ask(target, { type: "chunk", bytes } as never);
      }
    }
    return (await api.ask(target, { type: "end" } as never, api.limits.importMs)) as Answer;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    target.send({ type: "abort", why: `the upload of request ${requestId} ended: ${why}` });
    throw error;
  }
}
