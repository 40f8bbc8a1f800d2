import { secretKey, signRequest } from "../core/signature.ts";
import { type Post, type PosterOptions, type PostOutcome, poster } from "./post.ts";

/** Sends JSON to a server of the user's own, signed, and under an id that tells repeats. */
export interface SignedPoster {
  /** Never rejects. */
  post(id: string, it: Omit<Post, "headers">): Promise<PostOutcome>;
  /** Closes the connections; what is under way is in doubt. */
  close(): void;
}

/** `secrets`: each as `SECRET_FORM`; all of them sign, so that they can be exchanged. */
export function signedPoster(secrets: readonly string[], options: PosterOptions): SignedPoster {
  const keys = secrets.map(secretKey);
  const way = poster(options);
  const headers = (id: string, body: Uint8Array) => ({
    "content-type": "application/json",
    "idempotency-key": id,
    "user-agent": "Herald",
    ...signRequest({ id, at: options.clock.now() }, body, keys),
  });
  return {
    post: (id, it) => way.post({ ...it, headers: () => headers(id, it.body) }),
    close: () => way.close(),
  };
}
