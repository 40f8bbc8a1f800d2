import { type Address, boardKey, kindOf } from "../../core/address.ts";
import { maySend, type Reach, type Role } from "../../core/relations.ts";

/**
 * Keys of the principals that a message of this one goes to; none where there is nobody whom it
 * may reach. Its own key stands for its other sessions.
 */
export function targetsOf(
  self: string,
  reach: Reach | undefined,
  address: Address,
): readonly string[] {
  switch (address.type) {
    case "user":
      return one(self, reach, address.id);
    case "board":
      return one(self, reach, boardKey(address.id));
    case "boards":
      return all(self, reach, "board");
    case "phones":
      return withOwn(self, all(self, reach, "phone"));
    case "family":
      if (reach?.family !== address.id) return [];
      return withOwn(self, all(self, reach, "phone"));
    case "session":
    case "topic":
      return [];
  }
}

/** Whether one principal may send to another, given the role between them. */
export function mayReach(from: string, to: string, role: Role | undefined): boolean {
  return from === to || maySend(role, { from, to });
}

function one(self: string, reach: Reach | undefined, key: string): readonly string[] {
  return mayReach(self, key, reach?.roles.get(key)) ? [key] : [];
}

function all(self: string, reach: Reach | undefined, kind: "board" | "phone"): string[] {
  const keys: string[] = [];
  for (const [key, role] of reach?.roles ?? []) {
    if (kindOf(key) === kind && mayReach(self, key, role)) keys.push(key);
  }
  return keys;
}

/** A user's own other sessions are phones, too. */
export function withOwn(self: string, keys: string[]): readonly string[] {
  if (kindOf(self) === "phone") keys.push(self);
  return keys;
}
