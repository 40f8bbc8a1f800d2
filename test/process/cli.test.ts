import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { freePort, herald, ROOT, temporaryFolder } from "./herald.ts";

interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly advice: string;
    readonly problems: readonly { readonly path: string }[];
  };
}

describe("help", () => {
  test("every command says what it does, with an example, and offers --json", async () => {
    const leaves = await walk([]);
    expect(leaves.map(({ words }) => words.join(" ")).sort()).toEqual([
      "audience create",
      "audience import",
      "audience list",
      "audience log",
      "audience pause",
      "audience proceed",
      "audience pull",
      "audience resume",
      "audience show",
      "audience start",
      "audience stop",
      "audience watch",
      "bans lift",
      "bans list",
      "bench",
      "boards bind",
      "boards forget",
      "boards list",
      "boards register",
      "boards rotate-secret",
      "boards secret",
      "boards show",
      "boards unbind",
      "campaign create",
      "campaign dry-run",
      "campaign edit",
      "campaign export",
      "campaign list",
      "campaign log",
      "campaign pause",
      "campaign proceed",
      "campaign resize",
      "campaign resume",
      "campaign show",
      "campaign start",
      "campaign stop",
      "campaign test",
      "campaign unknown",
      "campaign verify",
      "campaign versions",
      "campaign watch",
      "campaign why",
      "check-config",
      "demo",
      "devices kick",
      "devices list",
      "devices send",
      "devices show",
      "devices trace",
      "devices why",
      "families dismiss",
      "families invite",
      "families join",
      "families quit",
      "families refuse",
      "families remove",
      "families role",
      "families show",
      "members import",
      "members preview",
      "members set",
      "members show",
      "node drain",
      "node resume",
      "providers list",
      "providers show",
      "providers vapid-keys",
      "start",
      "token create",
      "token list",
      "token revoke",
      "top",
      "topics history",
      "topics list",
      "topics show",
      "uploads ack",
      "uploads consumers",
      "uploads forget",
      "uploads read",
    ]);
    for (const { words, help } of leaves) {
      expect(help, words.join(" ")).toMatch(
        new RegExp(`Examples?:\\n {2}herald ${words.join(" ")}`),
      );
      expect(help, words.join(" ")).toContain("--json");
    }
  });

  test("the command alone shows the commands and the first steps", async () => {
    const { stdout } = await herald(["--help"]);
    expect(stdout).toContain("First steps:");
    expect(stdout).toContain("herald demo");
  });

  test("--version prints the version of package.json", async () => {
    const { status, stdout } = await herald(["--version"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "0.1.0\n" });
  });
});

describe("the launcher", () => {
  test("runs from another folder and keeps the meaning of file arguments", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "mine.yaml"), "listen: { port: 9011 }\n");
    const { status, stdout } = await herald(["check-config", "mine.yaml", "--json"], { cwd });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, config: { listen: { port: 9011 } } });
  });

  test("runs through a chain of symbolic links, absolute and relative", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "bin"));
    symlinkSync(join(ROOT, "herald"), join(folder, "one"));
    symlinkSync("../one", join(folder, "bin", "two"));
    const { status, stdout } = await herald(["--version"], { launcher: join(folder, "bin/two") });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "0.1.0\n" });
  });
});

describe("what is typed wrong", () => {
  test("an unknown command exits with 1 and points to the help", async () => {
    const { status, stderr } = await herald(["campain", "list"]);
    expect(status).toBe(1);
    expect(stderr).toContain("Did you mean campaign?");
    expect(stderr).toContain("--help");
  });

  test("an unknown option exits with 1 and points to the help of its command", async () => {
    const { status, stderr } = await herald(["audience", "list", "--jsno"]);
    expect(status).toBe(1);
    expect(stderr).toContain("Did you mean --json?");
    expect(stderr).toContain("--help");
  });

  test("a missing option is named", async () => {
    const { status, stderr } = await herald(["campaign", "create", "--name", "hello"]);
    expect(status).toBe(1);
    expect(stderr).toContain("--audience <id>");
  });

  test("every option of a campaign that cannot be read is named at once", async () => {
    const { status, stderr } = await herald([
      ...["campaign", "create", "--name", "x", "--audience", "aud_1", "--payload", "{"],
      ...["--rate", "fast", "--workers", "", "--ttl", "soon", "--set", "[]"],
    ]);
    expect(status).toBe(1);
    for (const flag of ["--payload", "--rate", "--workers", "--ttl", "--set"]) {
      expect(stderr).toContain(flag);
    }
  });

  test("a token is for a device or for the API, not for both and not for neither", async () => {
    for (const args of [[], ["--user", "u", "--role", "admin"]]) {
      const { status, stderr } = await herald(["token", "create", ...args]);
      expect(status).toBe(1);
      expect(stderr).toContain("--board (a device's token) or --role (an API token)");
    }
  });

  test("a bench that is not there is answered with those that are", async () => {
    const { status, stderr } = await herald(["bench", "nonsense"]);
    expect(status).toBe(1);
    expect(stderr).toContain("kernel");
  });

  test("a file that cannot be read is named, and a folder is one", async () => {
    for (const file of ["nobody.csv", "."]) {
      const { status, stderr } = await herald(["audience", "import", file]);
      expect(status).toBe(1);
      expect(stderr).toContain(`cannot read ${file}`);
    }
  });
});

describe("without a running node", () => {
  test("a command says where it looked and how to start one, and exits with 1", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { status, stdout, stderr } = await herald(["campaign", "list", "--url", url]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain(`no node answers at ${url}`);
    expect(stderr).toContain("herald start");
  });

  test("an upload and a watch say the same", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "one.csv"), "member\nm-1\n");
    for (const args of [
      ["audience", "import", "one.csv"],
      ["campaign", "watch", "cmp_1"],
    ]) {
      const { status, stderr } = await herald([...args, "--url", url], { cwd });
      expect(status).toBe(1);
      expect(stderr).toContain("no node answers");
    }
  });

  test("with --json the error is one JSON object on the error stream", async () => {
    const port = String(await freePort());
    const { status, stdout, stderr } = await herald(["audience", "list", "--json"], {
      env: { HERALD_LISTEN_PORT: port },
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    const { error } = JSON.parse(stderr) as ErrorBody;
    expect(error.code).toBe("node.unreachable");
    expect(error.advice).toContain("herald start");
  });

  test("an address that is none is a problem of the input", async () => {
    const { status, stderr } = await herald(["audience", "list", "--url", "nowhere"]);
    expect(status).toBe(1);
    expect(stderr).toContain("http://127.0.0.1:9010");
    expect(stderr).not.toContain("internal");
  });
});

describe("check-config", () => {
  test("no file is a valid configuration", async () => {
    const { status, stdout } = await herald(["check-config"]);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: "ok: no file, defaults and environment\n",
    });
  });

  test("herald.yaml is found where one stands, and so is what HERALD_CONFIG names", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "herald.yaml"), "node: { name: here }\n");
    writeFileSync(join(cwd, "other.yaml"), "node: { name: there }\n");
    const here = await herald(["check-config", "--json"], { cwd });
    const env = { HERALD_CONFIG: "other.yaml" };
    const there = await herald(["check-config", "--json"], { cwd, env });
    expect(JSON.parse(here.stdout)).toMatchObject({ config: { node: { name: "here" } } });
    expect(JSON.parse(there.stdout)).toMatchObject({ config: { node: { name: "there" } } });
  });

  test("every problem of the file and the environment is told at once, with 1", async () => {
    const cwd = temporaryFolder();
    writeFileSync(
      join(cwd, "bad.yaml"),
      "listen: { port: 70000, hots: x }\nlog: { level: loud }\nnothing: 1\n",
    );
    const { status, stderr } = await herald(["check-config", "bad.yaml"], {
      cwd,
      env: { HERALD_LISTEN_PROT: "1", HERALD_SESSION_GRACE_MS: "soon" },
    });
    expect(status).toBe(1);
    expect(stderr.split("\n").filter((line) => line.startsWith("  "))).toHaveLength(6);
    for (const part of [
      "listen.port: expected at most 65535, got 70000",
      "listen.hots: expected no such field",
      'log.level: expected one of "debug"',
      "nothing: expected no such field",
      "HERALD_LISTEN_PROT: expected a variable of docs/configuration.md, got a value",
      'session.graceMs (HERALD_SESSION_GRACE_MS): expected a number, got "soon"',
      "docs/configuration.md",
    ]) {
      expect(stderr).toContain(part);
    }
  });

  test("what is not YAML is told with its line", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "bad.yaml"), "listen:\n  port: 1\n port: 2\n");
    const { status, stderr } = await herald(["check-config", "bad.yaml", "--json"], { cwd });
    expect(status).toBe(1);
    const { error } = JSON.parse(stderr) as ErrorBody;
    expect(error.code).toBe("config.invalid");
    expect(error.problems[0]?.path).toMatch(/^bad\.yaml:\d$/);
  });

  test("a file that cannot be read is told, and a folder is one", async () => {
    for (const file of ["missing.yaml", "."]) {
      const { status, stderr } = await herald(["check-config", file]);
      expect(status).toBe(1);
      expect(stderr).toContain("a file that can be read");
    }
  });

  test("a secret is never printed", async () => {
    const secret = "s3cret-s3cret-s3cret-s3cret-s3cret";
    const good = await herald(["check-config", "--json"], { env: { HERALD_AUTH_SECRET: secret } });
    const bad = await herald(["check-config"], { env: { HERALD_AUTH_SECRET: "s3cret" } });
    expect([good.status, bad.status]).toEqual([0, 1]);
    expect(good.stdout + good.stderr + bad.stdout + bad.stderr).not.toContain("s3cret");
  });

  test("a node does not start with what check-config refuses", async () => {
    const { status, stderr } = await herald(["start"], { env: { HERALD_LISTEN_PORT: "x" } });
    expect(status).toBe(1);
    expect(stderr).toContain("listen.port (HERALD_LISTEN_PORT)");
  });
});

/** Every command that has no commands below it, with its help. */
async function walk(words: readonly string[]): Promise<{ words: string[]; help: string }[]> {
  const { status, stdout } = await herald([...words, "--help"]);
  expect(status, words.join(" ")).toBe(0);
  const [, section] = /\nCommands:\n(.*?)\n(\n|$)/s.exec(stdout) ?? [];
  if (section === undefined) return [{ words: [...words], help: stdout }];
  const names = [...section.matchAll(/^ {2}([a-z-]+)/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== "help");
  const below = await Promise.all(names.map((name) => walk([...words, name])));
  return below.flat();
}
