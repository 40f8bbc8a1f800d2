/** Small repositories for one rule: path to text. */
export interface Samples {
  /** Each of these must be caught. */
  readonly wrong: readonly Readonly<Record<string, string>>[];
  /** Each of these must pass. */
  readonly right: readonly Readonly<Record<string, string>>[];
}

const lines = (count: number, text = "a();"): string => `${text}\n`.repeat(count);
const record = (decision: string): string =>
  [
    "# 0001: a title\n\n- Status: accepted\n- Date: 2026-11-21\n\n## Context",
    decision,
    "## Alternatives",
    "## Consequences\n",
  ].join("\n\n");

/** By the name of the rule. A rule that cannot fail is worth nothing. */
export const SAMPLES: Readonly<Record<string, Samples>> = {
  "imports follow the layers": {
    wrong: [
      { "src/core/a.ts": 'import type { A } from "../actors/kernel/a.ts";' },
      { "src/actors/quiz/a.ts": 'import { a } from "../sms/behavior.ts";' },
      { "src/actors/quiz/a.ts": 'import { a } from "../../persistence/ports/quiz.ts";' },
      { "src/actors/quiz/a.ts": 'import type { A } from "../../persistence/sqlite/quiz.ts";' },
      { "src/actors/quiz/a.ts": 'type A = import("../../gateways/http/a.ts").A;' },
      { "src/gateways/http/a.ts": 'import type { A } from "../../persistence/ports/quiz.ts";' },
      { "src/gateways/http/a.ts": 'import { a } from "../../actors/quiz/behavior.ts";' },
      { "src/gateways/http/a.ts": 'import { a } from "../../actors/kernel/a.ts";' },
      { "src/persistence/mongo/a.ts": 'import { a } from "../sqlite/a.ts";' },
      { "src/persistence/ports/a.ts": 'export { a } from "../memory/a.ts";' },
      { "src/cluster/redis/a.ts": 'import { a } from "../../actors/quiz/messages.ts";' },
      { "src/providers/http/a.ts": 'const a = await import("../../persistence/sqlite/a.ts");' },
      { "src/cluster/membership.ts": 'import { a } from "./redis/membership.ts";' },
      { "src/persistence/open.ts": 'import { a } from "./sqlite/a.ts";' },
      { "src/node.ts": 'import { a } from "./persistence/sqlite/a.ts";' },
      { "src/cli/a.ts": 'import { a } from "../../test/testkit/a.ts";' },
      { "src/main.ts": 'import { a } from "../bench/a.ts";' },
      {
        "src/gateways/udp/a.ts":
          'new Worker(new URL("../../persistence/sqlite/a.ts", import.meta.url));',
      },
    ],
    right: [
      { "src/actors/quiz/a.ts": 'import { a } from "../sms/messages.ts";' },
      { "src/actors/quiz/a.ts": 'import { a } from "./b.ts";' },
      { "src/actors/quiz/a.ts": 'import type { A } from "../../persistence/ports/quiz.ts";' },
      { "src/actors/quiz/a.ts": 'import type { A } from "../../cluster/directory.ts";' },
      { "src/actors/quiz/a.ts": 'import { a } from "../kernel/a.ts";' },
      { "src/gateways/http/a.ts": 'import type { Ref } from "../../actors/kernel/actor.ts";' },
      { "src/persistence/sqlite/a.ts": 'import { a } from "../ports/quiz.ts";' },
      { "src/persistence/sqlite/a.ts": 'import { b } from "./tables/b.ts";' },
      { "src/persistence/sqlite/tables/b.ts": 'import { c } from "../c.ts";' },
      { "src/main.ts": 'import { a } from "./persistence/sqlite/a.ts";' },
      { "src/cli/a.ts": 'import { a } from "../persistence/sqlite/a.ts";' },
      { "src/cli/a.ts": 'import { a } from "../../bench/a.ts";' },
    ],
  },
  "actors and core import nothing that does input or output": {
    wrong: [
      { "src/actors/quiz/a.ts": 'import { readFileSync } from "node:fs";' },
      { "src/actors/quiz/a.ts": 'import { z } from "zod";' },
      { "src/actors/kernel/a.ts": 'import { Worker } from "node:worker_threads";' },
      { "src/core/a.ts": 'import pino from "pino";' },
      { "src/core/a.ts": 'import { readFile } from "node:fs/promises";' },
    ],
    right: [
      { "src/actors/quiz/a.ts": 'import { createHash } from "node:crypto";' },
      { "src/actors/kernel/a.ts": 'import { start } from "nact";' },
      { "src/core/config.ts": 'import { z } from "zod";' },
      { "src/gateways/http/a.ts": 'import { readFile } from "node:fs/promises";' },
    ],
  },
  "a vendor is imported only by its adapter": {
    wrong: [
      { "src/main.ts": 'import { start } from "nact";' },
      { "src/gateways/http/a.ts": 'import type { App } from "uWebSockets.js";' },
      { "src/gateways/http/a.ts": 'const uws = require("uWebSockets.js");' },
      { "src/gateways/http/a.ts": 'type Uws = typeof import("uWebSockets.js");' },
      { "src/persistence/memory/a.ts": 'import { DatabaseSync } from "node:sqlite";' },
      { "src/cluster/local/a.ts": 'import { Redis } from "ioredis/built/redis";' },
    ],
    right: [
      { "src/actors/kernel/a.ts": 'import { start } from "nact";' },
      { "src/gateways/websocket/a.ts": 'type Uws = typeof import("uWebSockets.js");' },
      { "src/persistence/sqlite/a.ts": 'import { DatabaseSync } from "node:sqlite";' },
    ],
  },
  "imports form no cycle": {
    wrong: [
      { "src/a.ts": 'import { b } from "./b.ts";', "src/b.ts": 'export { a } from "./a.ts";' },
      {
        "src/a.ts": 'import { b } from "./b.ts";',
        "src/b.ts": 'import { c } from "./c.ts";',
        "src/c.ts": 'import type { A } from "./a.ts";',
      },
    ],
    right: [
      { "src/a.ts": 'import { b } from "./b.ts";', "src/b.ts": "" },
      {
        "src/actors/a/messages.ts": 'import type { B } from "../b/messages.ts";',
        "src/actors/b/messages.ts": 'import type { A } from "../a/messages.ts";',
      },
    ],
  },
  "time, chance, environment and console are used only at the edge": {
    wrong: [
      { "src/core/a.ts": "const now = Date.now();" },
      { "src/core/a.ts": "const now = Date.now;" },
      { "src/core/a.ts": "const now = new Date();" },
      { "src/core/a.ts": "const now = performance.now();" },
      { "src/core/a.ts": "setTimeout(() => {}, 1);" },
      { "src/core/a.ts": "globalThis.setInterval(() => {}, 1);" },
      { "src/actors/kernel/turn.ts": "const later = setImmediate;" },
      { "src/core/a.ts": 'import { setTimeout as sleep } from "node:timers/promises";' },
      { "src/core/a.ts": "const dice = Math.random();" },
      { "src/core/a.ts": "const id = crypto.randomUUID();" },
      { "src/core/a.ts": 'import { randomUUID } from "node:crypto";' },
      { "src/core/config.ts": 'const url = process.env["URL"];' },
      { "src/core/config.ts": "const { env } = globalThis.process;" },
      { "src/core/a.ts": "const { random: dice } = Math;" },
      { "src/core/a.ts": 'console.log("a");' },
      { "src/core/a.ts": 'import { env } from "node:process";' },
    ],
    right: [
      { "src/core/clock.ts": "const now = Date.now(); setTimeout(() => {}, 1);" },
      { "src/core/random.ts": "const dice = Math.random();" },
      { "src/actors/kernel/scheduler.ts": "setImmediate(() => {});" },
      { "src/cli/bench/a.ts": "console.log(process.env, Date.now());" },
      { "src/main.ts": "const env = process.env;" },
      { "src/core/a.ts": "const at = new Date(5); // not Date.now()" },
      { "src/core/a.ts": "const at = ctx.clock.setTimeout(5); type T = { setTimeout: 1 };" },
      { "src/core/a.ts": "type Timer = ReturnType<typeof setTimeout>;" },
      { "test/a.test.ts": "setTimeout(() => {}, Math.random());" },
    ],
  },
  "syntax can be erased: no enum, namespace or decorator": {
    wrong: [
      { "src/a.ts": "enum A { B }" },
      { "test/a.ts": "declare const enum A { B }" },
      { "src/a.ts": "namespace A { export const b = 1; }" },
      { "src/a.ts": "@sealed class A {}" },
      { "src/a.ts": "class A { constructor(private readonly a: string) {} }" },
    ],
    right: [
      { "src/a.ts": 'export type A = "b"; // enum A, @sealed' },
      { "src/types.d.ts": 'declare module "a" { export const a: number; }' },
    ],
  },
  "an export names what it exports, and where it lives": {
    wrong: [
      { "src/a.ts": 'export * from "./b.ts";' },
      { "clients/js/src/a.ts": 'export type * as b from "./b.ts";' },
      { "src/actors/index.ts": "export const a = 1;" },
    ],
    right: [{ "src/a.ts": 'export { b } from "./b.ts";' }],
  },
  "files are short": {
    wrong: [{ "src/a.ts": lines(401) }, { "test/a.test.ts": lines(501) }],
    right: [{ "src/a.ts": lines(400) }, { "test/a.test.ts": lines(500) }],
  },
  "lines are short": {
    wrong: [{ "src/a.ts": `// ${"a".repeat(98)}` }],
    right: [{ "src/a.ts": `// ${"a".repeat(97)}\n// ${"\u{1F389}".repeat(97)}` }],
  },
  "functions are short": {
    wrong: [
      { "src/a.ts": `function a() {\n${lines(69)}}` },
      { "src/a.ts": `class A {\n  a(): void {\n${lines(69)}}\n}` },
      { "src/a.ts": `const a = () => {\n${lines(69)}};` },
    ],
    right: [
      { "src/a.ts": `function a() {\n${lines(68)}}` },
      { "src/a.ts": `class A {\n${lines(90, "  a = 1;")}}` },
      { "test/a.test.ts": `describe("a", () => {\n${lines(90)}});` },
    ],
  },
  "names are in kebab-case": {
    wrong: [{ "src/quizRoom.ts": "" }, { "src/quiz_room.ts": "" }, { "src/Quiz/room.ts": "" }],
    right: [{ "src/quiz-room.ts": "" }, { "test/quiz-room.test.ts": "" }],
  },
  "nothing is left to do in the code": {
    wrong: [{ "src/a.ts": `// ${"TO"}${"DO"}: later` }, { "a.sh": `# ${"FIX"}${"ME"}` }],
    right: [{ "src/a.ts": "const todo = 1;" }],
  },
  "no file names a path of one machine": {
    wrong: [
      { "src/a.ts": `const a = "${"/ho"}${"me/ada/herald"}";` },
      { "docs/a.md": `Go to ${"/wo"}${"rk/main"}.` },
      { "a.json": `"C:\\\\${"Us"}${"ers"}\\\\ada"` },
    ],
    right: [{ "docs/a.md": "See https://host/home/page, `~/work/a` and `$HOME/work/a`." }],
  },
  "the lockfile names no registry": {
    wrong: [
      { "package-lock.json": '{ "resolved": "https://host/a.tgz" }' },
      { ".npmrc": "registry=https://host/" },
    ],
    right: [{ "package-lock.json": '{ "integrity": "sha512-a" }', ".npmrc": "audit=false" }],
  },
  "no test is skipped or run alone": {
    wrong: [
      { "test/a.test.ts": 'test.only("a", () => {});' },
      { "test/a.test.ts": 'describe.skip("a", () => {});' },
      { "test/a.test.ts": 'test.concurrent.todo("a");' },
    ],
    right: [{ "test/a.test.ts": 'test("a .only", () => stream.skip(1));' }],
  },
  "documents are in step with the files and scripts they name": {
    wrong: [
      { "README.md": "See [that](docs/that.md)." },
      { "README.md": "See `src/core/that.ts`." },
      { "README.md": "Type `npm run that`.", "package.json": '{ "scripts": { "this": "a" } }' },
      { "docs/decisions/0001-a.md": "# A\n" },
      { "docs/decisions/0001-a.md": record("## Decision\n\nNobody decided.") },
      { "docs/decisions/a.md": record("## Decision\n\nWe do.") },
    ],
    right: [
      { "README.md": "See [that](docs/that.md#part) and `docs/`.", "docs/that.md": "Hello." },
      { "README.md": "Type `npm run this`.", "package.json": '{ "scripts": { "this": "a" } }' },
      { "docs/a.md": "[x](https://host/a), [y](#part), [z](../herald)", herald: "" },
      { "docs/decisions/0001-a.md": record("## Decision\n\nWe do.") },
    ],
  },
};
