import { execFile } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { RuntimeError } from "../../../src/core/errors.ts";
import { keepAddon } from "../../../src/gateways/websocket/addon-cache.ts";
import { withoutGlibc238 } from "../../../src/gateways/websocket/glibc-patch.ts";
import { isOldGlibc, loadUws } from "../../../src/gateways/websocket/uws.ts";

const run = promisify(execFile);
const packageFolder = dirname(createRequire(import.meta.url).resolve("uWebSockets.js"));
const addonOf = (platform: string): Buffer =>
  readFileSync(join(packageFolder, `uws_${platform}_${process.versions.modules}.node`));
const original = addonOf("linux_x64");

test("the addon loads, once, with all that its wrapper exports", () => {
  const uws = loadUws();

  expect(loadUws()).toBe(uws);
  const wrapper = readFileSync(join(packageFolder, "ESM_wrapper.mjs"), "utf8");
  const exported = [...wrapper.matchAll(/^export const (\w+) = uws\.\1;$/gm)].map(([, it]) => it);
  expect(exported.length).toBeGreaterThan(30);
  expect(exported.filter((name) => !(name! in uws))).toEqual([]);
});

test("the addon serves HTTP, parsing what a client sends", async () => {
  const { url } = await startServer();

  const answer = await fetch(`http://${url}/sum?a=40&b=2`, {
    method: "POST",
    body: "x".repeat(99),
  });

  expect(answer.status).toBe(201);
  expect(await answer.text()).toBe("42 of 99 bytes");
});

test("the addon echoes frames of both kinds over a WebSocket and closes with a code", async () => {
  const { url } = await startServer();
  const socket = new WebSocket(`ws://${url}/echo`);
  socket.binaryType = "arraybuffer";
  const received: unknown[] = [];

  const closed = new Promise<CloseEvent>((resolve, reject) => {
    socket.onerror = () => reject(new Error("the socket failed"));
    socket.onclose = resolve;
    socket.onopen = () => {
      socket.send("grüße");
      socket.send(new Uint8Array([0, 255, 7]));
      socket.send("bye");
    };
    socket.onmessage = ({ data }) => {
      received.push(typeof data === "string" ? data : [...new Uint8Array(data as ArrayBuffer)]);
    };
  });

  expect((await closed).code).toBe(4001);
  expect(received).toEqual(["grüße", [0, 255, 7]]);
});

test("the adapted copy asks for no symbol of GLIBC_2.38 and changes only what it must", () => {
  for (const platform of ["linux_x64", "linux_arm64"]) {
    const binary = addonOf(platform);
    const before = Buffer.from(binary);

    const adapted = withoutGlibc238(binary);

    expect(binary.equals(before)).toBe(true);
    expect(adapted.length).toBe(binary.length);
    expect(differences(binary, adapted)).toBeGreaterThan(0);
    expect(differences(binary, adapted)).toBeLessThanOrEqual(3 * 4 + 8);
    // Adapting twice is refused: the first time left nothing to adapt.
    expect(() => withoutGlibc238(adapted)).toThrow(/needs GLIBC_2\.38 of no library/);
  }
});

test("a binary with another symbol of GLIBC_2.38 is refused", () => {
  const binary = Buffer.from(original);
  // Of the same length, so that the file stays whole: now it needs a function nobody knows.
  binary.write("__isoc23_strtold", binary.indexOf("__isoc23_strtoul\0"), "latin1");

  expect(refusalOf(() => withoutGlibc238(binary))).toMatch(/symbol "__isoc23_strtold" needs/);
});

test("a binary that needs GLIBC_2.38 of another library too is refused", () => {
  const binary = Buffer.from(original);
  binary.write("libX.so.6\0", binary.indexOf("libc.so.6\0"), "latin1");

  expect(refusalOf(() => withoutGlibc238(binary))).toMatch(/of libX\.so\.6, expected of libc/);
});

test("a file that is not such an ELF file is refused", () => {
  const otherMachine = Buffer.from(original);
  otherMachine.writeUInt16LE(3, 18);
  const refused: [Buffer, RegExp][] = [
    [Buffer.alloc(0), /not an ELF file/],
    [Buffer.from("MZ".padEnd(4096, "\0")), /not an ELF file/],
    [addonOf("darwin_arm64"), /not an ELF file/],
    [otherMachine, /not built for 64-bit x86 or ARM/],
    [original.subarray(0, 64), /cut short|beyond its end/],
    [original.subarray(0, original.length - 1), /cut short|beyond its end/],
  ];
  for (const [binary, reason] of refused) {
    expect(refusalOf(() => withoutGlibc238(binary))).toMatch(reason);
  }
});

test("a damaged file is refused or adapted, and never anything else", () => {
  const next = dice(20_261_121);
  const tables = [0, sectionTableOf(original), original.indexOf("libc.so.6\0") + 1];
  // The version table itself, found by the record of its last version, GLIBC_2.2.5.
  tables.push(0x80808);
  for (let round = 0; round < 150; round += 1) {
    const binary = Buffer.from(original);
    for (let hit = 0; hit < 4; hit += 1) {
      const at = tables[next(tables.length)]! + next(400);
      if (at < binary.length) binary[at] = [0, 0xff, next(256)][next(3)]!;
    }
    try {
      expect(withoutGlibc238(binary).length).toBe(original.length);
    } catch (error) {
      expect(error).toBeInstanceOf(RuntimeError);
      expect((error as RuntimeError).code).toBe("gateway.unsupported");
    }
  }
});

test("only the linker's complaint about this addon counts as an old C library", () => {
  const file = join(
    packageFolder,
    `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`,
  );
  const complaint = (version: string, by: string): Error =>
    new Error(`libc.so.6: version \`${version}' not found (required by ${by})`);

  expect(isOldGlibc(complaint("GLIBC_2.38", file))).toBe(true);
  expect(isOldGlibc(complaint("GLIBC_2.40", file))).toBe(false);
  expect(isOldGlibc(complaint("GLIBC_2.38", "other.node"))).toBe(false);
  expect(isOldGlibc(new Error("Cannot find module 'uWebSockets.js'"))).toBe(false);
  expect(isOldGlibc("GLIBC_2.38")).toBe(false);
});

test("an addon is kept once, under the hash of its content, and repaired when damaged", () => {
  const folder = { path: join(scratchFolder(), "a", "b"), exposed: false };

  const file = keepAddon(Buffer.from("addon"), [folder]);
  expect(keepAddon(Buffer.from("addon"), [folder])).toBe(file);
  expect(keepAddon(Buffer.from("other"), [folder])).not.toBe(file);
  writeFileSync(file, "add");
  expect(keepAddon(Buffer.from("addon"), [folder])).toBe(file);

  expect(readFileSync(file, "utf8")).toBe("addon");
  expect(readdirSync(folder.path)).toHaveLength(2);
});

test("a folder that cannot be written is passed over, and the last one's failure is told", () => {
  const scratch = scratchFolder();
  writeFileSync(join(scratch, "a-file"), "");
  const broken = { path: join(scratch, "a-file", "below"), exposed: false };
  const good = { path: join(scratch, "good"), exposed: true };

  expect(dirname(keepAddon(Buffer.from("addon"), [broken, good]))).toBe(good.path);
  expect(refusalOf(() => keepAddon(Buffer.from("addon"), [broken]))).toContain(broken.path);
});

test("a temporary folder that others may enter is not trusted", () => {
  const exposed = { path: join(scratchFolder(), "open"), exposed: true };
  mkdirSync(exposed.path);
  chmodSync(exposed.path, 0o777);

  expect(refusalOf(() => keepAddon(Buffer.from("addon"), [exposed]))).toContain(exposed.path);
});

test("processes that start together all get the whole file", async () => {
  const folder = join(scratchFolder(), "shared");
  const cache = new URL("../../../src/gateways/websocket/addon-cache.ts", import.meta.url);
  const program = `
    const { keepAddon } = await import(${JSON.stringify(cache.href)});
    const { readFileSync } = await import("node:fs");
    const addon = Buffer.alloc(8_000_000, 7);
    const folders = [{ path: ${JSON.stringify(folder)}, exposed: false }];
    for (let round = 0; round < 5; round += 1) {
      if (!readFileSync(keepAddon(addon, folders)).equals(addon)) process.exit(3);
    }`;
  const start = () => run(process.execPath, ["--input-type=module", "--eval", program]);

  await Promise.all([start(), start(), start(), start()]);

  expect(readdirSync(folder)).toHaveLength(1);
});

async function startServer(): Promise<{ url: string }> {
  const uws = loadUws();
  const app = uws.App();
  app.post("/sum", (response, request) => {
    const sum = Number(request.getQuery("a")) + Number(request.getQuery("b"));
    let bytes = 0;
    response.onAborted(() => undefined);
    response.onData((chunk, isLast) => {
      bytes += chunk.byteLength;
      if (isLast) response.writeStatus("201 Created").end(`${sum} of ${bytes} bytes`);
    });
  });
  app.ws("/echo", {
    message: (socket, message, isBinary) => {
      if (Buffer.from(message).toString() === "bye") socket.end(4001, "bye");
      else socket.send(message, isBinary);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    app.listen("127.0.0.1", 0, (token) => {
      if (token === false) reject(new Error("no port"));
      else resolve(uws.us_socket_local_port(token));
    });
  });
  onTestFinished(() => void app.close());
  return { url: `127.0.0.1:${port}` };
}

function refusalOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    expect(error).toBeInstanceOf(RuntimeError);
    expect((error as RuntimeError).code).toBe("gateway.unsupported");
    return (error as RuntimeError).message;
  }
  throw new Error("expected a refusal");
}

function scratchFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "herald-test-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

function differences(one: Buffer, other: Buffer): number {
  let count = 0;
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) count += 1;
  return count;
}

function sectionTableOf(binary: Buffer): number {
  return Number(binary.readBigUInt64LE(40));
}

/** A seeded die: the same damage on every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}
