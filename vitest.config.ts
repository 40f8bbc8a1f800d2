import { defineConfig } from "vitest/config";

/** Real processes and real servers: one file at a time, so that they do not starve each other. */
const PROCESS_TESTS = ["test/process/**/*.test.ts", "test/e2e/**/*.test.ts"];

const shared = {
  pool: "forks" as const,
  execArgv: [
    "--disable-warning=ExperimentalWarning",
    // Node.js 24 strips types by WebAssembly in every thread. Where V8 compiles the calls into it
    // anew while other threads do the same, it can crash; with this budget it never does.
    "--wasm-wrapper-tiering-budget=1000000000",
  ],
  retry: 0,
};

export default defineConfig({
  test: {
    maxWorkers: 2,
    coverage: { provider: "v8", include: ["src/**/*.ts"] },
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: PROCESS_TESTS,
          testTimeout: 10_000,
          hookTimeout: 10_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: "process",
          include: PROCESS_TESTS,
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
