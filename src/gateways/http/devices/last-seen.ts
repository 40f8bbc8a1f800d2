import type { Api } from "../api.ts";

/** When a principal was last connected, in milliseconds since the epoch. */
export async function lastSeenOf(principal: string, api: Api): Promise<number | undefined> {
  const { relations } = api.actors;
  return (await api.ask(relations, { type: "read-relations", principal })).lastSeen;
}
