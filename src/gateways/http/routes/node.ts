import { z } from "zod";
import { RuntimeError } from "../../../core/errors.ts";
import { jsonRoute, type Route, textRoute } from "../route.ts";
import { answer } from "../schemas.ts";

const health = answer("Health", z.object({ status: z.literal("ok") }));
const readiness = answer("Readiness", z.object({ status: z.literal("ready") }));

/** What monitors, browsers and newcomers fetch. */
export const nodeRoutes: readonly Route[] = [
  jsonRoute({
    method: "GET",
    path: "/healthz",
    tag: "Node",
    role: "none",
    isAlwaysServed: true,
    summary: "Say that the process lives",
    answer: health,
    handle: async () => ({ status: "ok" as const }),
  }),
  jsonRoute({
    method: "GET",
    path: "/readyz",
    tag: "Node",
    role: "none",
    isAlwaysServed: true,
    summary: "Say whether the node can take work",
    details: "503 while it cannot; the reasons are in `problems`.",
    answer: readiness,
    handle: async ({ api }) => {
      const problems = await api.reasonsNotReady();
      if (problems.length === 0) return { status: "ready" as const };
      const names = problems.map(({ path }) => path).join(", ");
      throw new RuntimeError("node.not-ready", `not ready: ${names}`, { problems });
    },
  }),
  textRoute({
    method: "GET",
    path: "/metrics",
    tag: "Node",
    role: "viewer",
    isPublicIf: "metricsPublic",
    isAlwaysServed: true,
    summary: "Every figure of the node in Prometheus' text format",
    details: "Needs no token unless `http.metricsPublic` is false.",
    mediaType: "text/plain; version=0.0.4; charset=utf-8",
    render: ({ api }) => api.renderMetrics(),
  }),
  textRoute({
    method: "GET",
    path: "/openapi.json",
    tag: "Node",
    role: "none",
    summary: "This API as an OpenAPI 3.1 document",
    mediaType: "application/json; charset=utf-8",
    render: async ({ api }) => api.documents().openApi,
  }),
  textRoute({
    method: "GET",
    path: "/docs",
    tag: "Node",
    role: "none",
    summary: "This API as a page to read",
    mediaType: "text/html; charset=utf-8",
    render: async ({ api }) => api.documents().docs,
  }),
  textRoute({
    method: "GET",
    path: "/",
    tag: "Node",
    role: "none",
    summary: "A page with links to the others",
    mediaType: "text/html; charset=utf-8",
    render: async ({ api }) => api.documents().landing,
  }),
];
