import { addressOf } from "../../../core/address.ts";
import { RuntimeError } from "../../../core/errors.ts";
import type { Api } from "../api.ts";
import { itemPrefix } from "./deliver.ts";

/**
 * What became of a push, a page at a time, in the order of its messages' ids.
 *
 * @throws RuntimeError `push.unknown` when nothing of it is known, `store.cursor`.
 */
export async function fatesOf(
  push: string,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
  api: Api,
) {
  const prefix = itemPrefix(push);
  if (after !== undefined && !after.startsWith(prefix)) {
    throw new RuntimeError("store.cursor", "the cursor is of another push");
  }
  const found = await api.inboxes.fates(prefix, { after: after ?? "", limit: limit + 1 });
  if (found.length === 0 && after === undefined) {
    throw new RuntimeError("push.unknown", `nothing is known of a push ${push} to users or boards`);
  }
  const items = found.slice(0, limit).map(({ id, offset, settled }) => {
    const rest = id.slice(prefix.length);
    const colon = rest.indexOf(":");
    return {
      to: addressOf(rest.slice(colon + 1)),
      message: Number(rest.slice(0, colon)),
      ...{ id, offset, state: settled?.outcome ?? ("pending" as const) },
      ...(settled === undefined ? {} : { at: settled.at }),
    };
  });
  return { items, next: found.length > limit ? items.at(-1)!.id : undefined };
}
