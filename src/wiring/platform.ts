import type { Ref } from "../actors/kernel/actor.ts";
import type { RelationsMessage } from "../actors/relations/messages.ts";
import type { Admit, BoardCommands } from "../actors/session/state.ts";
import { systemClock } from "../core/clock.ts";
import { systemNewId, systemRandom } from "../core/random.ts";
import type { Result } from "../core/result.ts";
import { CircuitBreaker } from "../providers/limits/circuit-breaker.ts";
import { httpPlatform } from "../providers/platform/http-platform.ts";
import { rememberedLogins } from "../providers/platform/logins.ts";
import type { BoardClaim } from "../providers/platform/platform.ts";
import type { Base } from "./base.ts";
import { boardCommands } from "./board-commands.ts";

/** Who decides about devices: the node alone, or the user's own service before it. */
export interface Decisions {
  readonly commands: BoardCommands;
  readonly admit: Admit | undefined;
  /** The id that a board is to have; undefined: the built-in rule. */
  readonly boardId: (board: BoardClaim) => Promise<Result<{ readonly board?: string | undefined }>>;
  close(): void;
}

/** The node decides alone where the configuration names no service. */
export function openDecisions(base: Base, desk: Ref<RelationsMessage>): Decisions {
  const { config, logger, metrics } = base;
  const { url, secrets, asksLogins, loginCacheMs: cacheMs, whenDown, ...more } = config.platform;
  const own = boardCommands(base, desk);
  if (url === undefined) {
    const boardId = () => Promise.resolve({ ok: true, value: {} } as const);
    return { commands: own, admit: undefined, boardId, close: () => {} };
  }
  const breaker = new CircuitBreaker();
  metrics.observe("herald_platform_open", "1: platform.url is left alone; 0.5: tried.", () =>
    Number(breaker.figures(systemClock.monotonic())["isOpen"]),
  );
  const platform = httpPlatform({
    ...{ settings: { url, secrets, ...more }, breaker, logger, metrics },
    ...{ clock: systemClock, random: systemRandom, newId: systemNewId },
  });
  logger.info("a service decides about devices", { url, asksLogins, whenDown });
  return {
    // The service first: what it refuses, or cannot be asked about, changes nothing here.
    commands: async (board, command) => {
      const allowed = await platform.change(board, command);
      return allowed.ok ? own(board, command) : allowed;
    },
    admit: asksLogins
      ? rememberedLogins({ platform, clock: systemClock, cacheMs, whenDown })
      : undefined,
    boardId: (board) => platform.register(board),
    close: () => platform.close(),
  };
}
