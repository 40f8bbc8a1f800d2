import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parseConfig } from "../../src/core/config.ts";
import { startNode } from "../../src/main.ts";
import { writeCertificate } from "../testkit/certificate.ts";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "herald-tls-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const configWith = (files: { certFile: string; keyFile: string }) => {
  const listen = { port: 0, certFile: files.certFile, keyFile: files.keyFile };
  return parseConfig(
    { listen, node: { dataDir: temporaryFolder() }, log: { level: "silent" } },
    {},
  );
};

test("weakness 6: with a certificate all speak TLS, and nothing else is answered", async () => {
  const { certificate, ...files } = writeCertificate(temporaryFolder(), Date.now());
  const node = await startNode(configWith(files));
  onTestFinished(() => node.stop());
  expect(node.url).toMatch(/^https:/);
  const trusted = { ca: certificate, servername: "localhost" };
  const healthy = request(`${node.url}/healthz`, trusted).end();
  const [answer] = await once(healthy, "response");
  expect(answer.statusCode).toBe(200);

  const upgrade = request(`${node.url}/v1/connect`, {
    ...trusted,
    headers: {
      ...{ connection: "upgrade", upgrade: "websocket", "sec-websocket-version": "13" },
      "sec-websocket-key": Buffer.alloc(16).toString("base64"),
      "sec-websocket-protocol": "herald.v1.json",
    },
  }).end();
  const [upgraded, socket] = await once(upgrade, "upgrade");
  expect(upgraded.statusCode).toBe(101);
  socket.destroy();

  const plain = connect(Number(new URL(node.url).port), "127.0.0.1");
  const heard: Buffer[] = [];
  plain.on("data", (bytes) => heard.push(bytes));
  plain.on("error", () => {});
  plain.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(plain, "close");
  expect(Buffer.concat(heard).toString("latin1")).not.toContain("HTTP/1.1");
});

test("a certificate that cannot be read, or has no key, is told at the start", async () => {
  const files = { certFile: "/nowhere/cert.pem", keyFile: "/nowhere/key.pem" };
  await expect(startNode(configWith(files))).rejects.toThrow("cannot serve TLS");
  expect(() => parseConfig({ listen: { certFile: "cert.pem" } }, {})).toThrow("listen.keyFile");
});
