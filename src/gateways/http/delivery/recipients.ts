import { addressOf, boardKey, parseAddress } from "../../../core/address.ts";
import { RuntimeError } from "../../../core/errors.ts";
import type { Api } from "../api.ts";
import { invalid } from "../check.ts";

/** Whom one address stands for; a family stands for each of its users. */
export type Recipient =
  /** A principal, who has an inbox. `to` is its own address. */
  | { readonly type: "principal"; readonly to: string; readonly key: string }
  | { readonly type: "session"; readonly to: string; readonly id: string }
  | { readonly type: "topic"; readonly to: string; readonly name: string }
  | { readonly type: "unknown"; readonly to: string; readonly error: RuntimeError };

/** Recipients of one request, with the users of its families. */
const RECIPIENTS_MAX = 10_000;
/** Families of one request: each is read from the store. */
const FAMILIES_MAX = 100;

/** Whether a text is an address that somebody outside can send to. */
export function isRecipient(to: string): boolean {
  const address = parseAddress(to);
  return address.ok && "id" in address.value;
}

/**
 * Finds whom the addresses of each message stand for, in their order.
 *
 * @throws RuntimeError `http.invalid` when they are too many; those of the relations desk.
 */
export async function findRecipients(
  addresses: readonly (readonly string[])[],
  api: Api,
): Promise<readonly (readonly Recipient[])[]> {
  const all = addresses.flat();
  if (all.length > RECIPIENTS_MAX) throw tooMany(RECIPIENTS_MAX, "recipients", all.length);
  const families = await readFamilies(new Set(all), api);
  const found = addresses.map((some) =>
    some.flatMap((to) => families.get(to) ?? [recipientOf(to)]),
  );
  const count = found.reduce((sum, { length }) => sum + length, 0);
  if (count <= RECIPIENTS_MAX) return found;
  throw tooMany(RECIPIENTS_MAX, "recipients", count);
}

function tooMany(max: number, what: string, count: number): RuntimeError {
  const expected = `at most ${max} ${what} in one request`;
  return invalid([{ path: "to", expected, got: `${count}` }]);
}

function recipientOf(to: string): Recipient {
  const address = parseAddress(to);
  if (!address.ok || !("id" in address.value)) throw new Error(`${to} was not checked`);
  const { type, id } = address.value;
  switch (type) {
    case "user":
      return { type: "principal", to, key: id };
    case "board":
      return { type: "principal", to, key: boardKey(id) };
    case "session":
      return { type: "session", to, id };
    case "topic":
      return { type: "topic", to, name: id };
    case "family":
      throw new Error(`${to} was not read`);
  }
}

async function readFamilies(addresses: ReadonlySet<string>, api: Api) {
  const hosts = [...addresses].filter((to) => to.startsWith(FAMILY));
  if (hosts.length > FAMILIES_MAX) throw tooMany(FAMILIES_MAX, "families", hosts.length);
  const families = new Map<string, readonly Recipient[]>();
  await Promise.all(hosts.map(async (to) => families.set(to, await readFamily(to, api))));
  return families;
}

async function readFamily(to: string, api: Api): Promise<readonly Recipient[]> {
  try {
    const host = to.slice(FAMILY.length);
    const family = await api.ask(api.actors.relations, { type: "read-family", host });
    return family.members
      .filter(({ isInvited }) => !isInvited)
      .map(({ user }) => ({ type: "principal", to: addressOf(user), key: user }));
  } catch (thrown) {
    if (!(thrown instanceof RuntimeError) || thrown.code !== "family.unknown") throw thrown;
    return [{ type: "unknown", to, error: thrown }];
  }
}

const FAMILY = "family:";
