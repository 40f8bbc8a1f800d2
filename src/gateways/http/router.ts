import type { Route } from "./route.ts";

/** Where a request goes: to a route, or nowhere and why. */
export type Match =
  | { readonly type: "found"; readonly route: Route; readonly params: Record<string, string> }
  /** The path is known, the method is not. `methods` are those that are. */
  | { readonly type: "method"; readonly methods: readonly string[] }
  | { readonly type: "unknown" };

interface Compiled {
  readonly route: Route;
  readonly segments: readonly string[];
}

/** Finds routes by method and path. A GET route takes HEAD, too. */
export class Router {
  readonly #routes: readonly Compiled[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => ({ route, segments: route.path.split("/") }));
  }

  match(method: string, path: string): Match {
    const segments = path.split("/");
    const methods = new Set<string>();
    for (const { route, segments: pattern } of this.#routes) {
      const params = paramsOf(pattern, segments);
      if (params === undefined) continue;
      if (route.method === method || (route.method === "GET" && method === "HEAD")) {
        return { type: "found", route, params };
      }
      methods.add(route.method);
      if (route.method === "GET") methods.add("HEAD");
    }
    if (methods.size === 0) return { type: "unknown" };
    return { type: "method", methods: [...methods, "OPTIONS"].sort() };
  }
}

function paramsOf(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index]!;
    if (!expected.startsWith("{")) {
      if (expected !== segment) return undefined;
    } else {
      const value = decoded(segment);
      if (value === undefined || value === "") return undefined;
      params[expected.slice(1, -1)] = value;
    }
  }
  return params;
}

/** Undefined when it is not percent-encoded UTF-8: no such thing can exist. */
function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
