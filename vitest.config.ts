import { defineConfig } from "vitest/config";

/** Real processes and real servers: one file at a time, so that they do not starve each other. */
const PROCESS_TESTS = ["test/process/**/*.test.ts", "test/e2e/**/*.test.ts"];

const shared = {
  pool: "forks" as const,
  execArgv: ["--disable-warning=ExperimentalWarning"],
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
