import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { configLeaves, parseConfig } from "../../src/core/config.ts";
import { RuntimeError } from "../../src/core/errors.ts";

describe("parseConfig", () => {
  test("an empty file and environment give the defaults", () => {
    const config = parseConfig(undefined, {});
    expect(config.listen).toEqual({ host: "127.0.0.1", port: 9010 });
    expect(config.node.dataDir).toBe("./data");
  });

  test("a file sets some values and leaves the others at their defaults", () => {
    const config = parseConfig({ websocket: { heartbeatMs: 30_000 } }, {});
    expect(config.websocket.heartbeatMs).toBe(30_000);
    expect(config.websocket.frameBytesMax).toBe(65_536);
  });

  test("a variable wins over the file", () => {
    const config = parseConfig({ listen: { port: 1 } }, { HERALD_LISTEN_PORT: "2" });
    expect(config.listen.port).toBe(2);
  });

  test("every value can be set by its variable", () => {
    const samples = { number: "1", boolean: "false", json: "[]", string: "x" };
    for (const { variable, type, path } of configLeaves()) {
      const problems = problemsOf({}, { [variable]: samples[type] });
      const unknown = problems.filter((problem) => problem.path === variable);
      expect(unknown, `${variable} for ${path.join(".")}`).toEqual([]);
    }
  });

  test("all problems are reported at once, each with its path and source", () => {
    const problems = problemsOf(
      { listen: { port: "x", hots: 1 }, nothing: {}, log: { level: "loud" } },
      { HERALD_LISTEN_PORT: "99999", HERALD_LISTEN_PROT: "1" },
    );
    expect(problems.map(({ path }) => path).sort()).toEqual([
      "HERALD_LISTEN_PROT",
      "listen.hots",
      "listen.port (HERALD_LISTEN_PORT)",
      "log.level",
      "nothing",
    ]);
    expect(problems).toContainEqual({
      path: "listen.port (HERALD_LISTEN_PORT)",
      expected: "at most 65535",
      got: "99999",
    });
  });

  test("text where a number belongs is a problem, and so is nothing", () => {
    for (const text of ["", " ", "12a", "1e400"]) {
      expect(problemsOf({}, { HERALD_LISTEN_PORT: text }), text).toHaveLength(1);
    }
  });

  test("classic UDP without what it needs is a problem that says what to do", () => {
    const secret = "a secret of no worth";
    expect(problemsOf({ classic: { udpEnabled: true } }, {})).toMatchObject([
      { path: "classic.enabled", expected: "true when udpEnabled is true" },
    ]);
    const narrow = { enabled: true, secret, idBits: 32, udpEnabled: true };
    expect(problemsOf({ classic: narrow }, {})).toMatchObject([
      { path: "classic.idBits", expected: expect.stringContaining("set udpEnabled to false") },
    ]);
    expect(problemsOf({ classic: { ...narrow, udpEnabled: false } }, {})).toEqual([]);
  });

  test("a file that is not sections is a problem of the whole input", () => {
    for (const document of [[], "text", 7]) {
      expect(problemsOf(document, {})).toContainEqual({
        path: "",
        expected: "sections with values",
        got: JSON.stringify(document),
      });
    }
  });

  test("a bad secret is never shown", () => {
    const [problem] = problemsOf({ auth: { secret: "hunter2" } }, {});
    expect(problem?.got).toBe("a value that is not shown");
  });

  test("the value of an unknown variable is never shown", () => {
    const [problem] = problemsOf({}, { HERALD_AUTH_SERCET: "hunter2" });
    expect(problem?.got).toBe("a value that is not shown");
  });

  test("the variables of examples and commands stand beside the configuration", () => {
    const files = [...globSync("examples/*.{ts,js}"), "src/cli/session.ts"];
    const text = files.map((file) => readFileSync(file, "utf8")).join("\n");
    const names = new Set(text.match(/HERALD_[A-Z]+(_[A-Z]+)*/g));
    expect(names).toContain("HERALD_CREDENTIAL");
    for (const name of names) expect(problemsOf({}, { [name]: "x".repeat(32) }), name).toEqual([]);
  });
});

function problemsOf(document: unknown, env: Record<string, string>) {
  try {
    parseConfig(document, env);
    return [];
  } catch (thrown) {
    if (thrown instanceof RuntimeError && thrown.code === "config.invalid") return thrown.problems;
    throw thrown;
  }
}

describe("webhooks in the configuration", () => {
  const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
  const webhook = { name: "crm", url: "https://push.example.com/herald", secrets: [secret] };
  const inFile = (changes: object) => ({ providers: { webhook: [{ ...webhook, ...changes }] } });

  test("need a name, an address and a secret; the rest has defaults", () => {
    const [found] = parseConfig(inFile({}), {}).providers.webhook;
    expect(found).toEqual({
      ...webhook,
      maxBatch: 100,
      maxInFlight: 16,
      timeoutMs: 10_000,
      ratePerSecond: 0,
      keyTtlMs: 0,
      receipts: false,
    });
  });

  test("can come from the environment as a whole", () => {
    const env = { HERALD_PROVIDERS_WEBHOOK: JSON.stringify([webhook]) };
    expect(parseConfig({}, env).providers.webhook).toHaveLength(1);
  });

  test.each([
    ["name", "session", "none of"],
    ["name", "a b", "text matching"],
    ["url", "ftp://push.example.com", "an http: or https: address"],
    ["url", "https://user:word@push.example.com", "an http: or https: address"],
    ["url", "push", "an http: or https: address"],
    ["secrets", [], "at least 1 item"],
    ["secrets.0", ["hunter2"], "text matching"],
    ["maxBatch", 0, "at least 1"],
  ])("a bad %s is named with what was expected: %j", (path, value, expected) => {
    const [problem, ...others] = problemsOf(inFile({ [path.split(".")[0]!]: value }), {});
    expect(others).toEqual([]);
    expect(problem?.path).toBe(`providers.webhook.0.${path}`);
    expect(problem?.expected).toContain(expected);
  });

  test("have names of their own", () => {
    const [problem] = problemsOf({ providers: { webhook: [webhook, webhook] } }, {});
    expect(problem).toMatchObject({
      path: "providers.webhook.1.name",
      expected: "a name of its own",
    });
  });

  test("never show a secret, wherever it was put", () => {
    const misspelt = problemsOf(inFile({ scret: secret }), {});
    const unreadable = problemsOf({}, { HERALD_PROVIDERS_WEBHOOK: `[{"secrets":["${secret}"` });
    for (const { got } of [...misspelt, ...unreadable]) expect(got).not.toContain("AQEB");
  });
});
