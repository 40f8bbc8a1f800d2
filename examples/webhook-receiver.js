/**
 * A server that campaigns send through: it verifies each batch, sends, answers for each item, and
 * reports what became of them. See docs/providers.md.
 *
 *   WEBHOOK_SECRETS="whsec_..." HERALD_URL=http://127.0.0.1:9010 node webhook-receiver.js 8080
 */
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const NAME = "crm"; // as in Herald's configuration
const TOLERANCE_SECONDS = 300;
const herald = process.env.HERALD_URL;
const keys = (process.env.WEBHOOK_SECRETS ?? "")
  .split(" ")
  .map((secret) => Buffer.from(secret.replace("whsec_", ""), "base64"));

/** What has been done, by item: so that an item that comes again is not sent again. */
const done = new Map();

function sign(key, id, timestamp, body) {
  return createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
}

function isFromHerald(headers, body) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  const age = Math.abs(Date.now() / 1000 - Number(timestamp));
  if (!(age <= TOLERANCE_SECONDS)) return false;
  const given = String(headers["webhook-signature"]).split(" ");
  return given.some((text) => {
    const signature = Buffer.from(text.replace("v1,", ""), "base64");
    return keys.some((key) => {
      const expected = sign(key, id, timestamp, body);
      return signature.length === expected.length && timingSafeEqual(signature, expected);
    });
  });
}

/** Put your own sending here. */
async function send({ member, payload }) {
  if (!/^[\w-]+$/.test(member)) return { status: "invalid", reason: "no such address" };
  console.log(`${member} ${JSON.stringify(payload)}`);
  return { status: "ok" };
}

async function report(receipts) {
  const body = JSON.stringify({ receipts });
  const id = randomUUID();
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signature = sign(keys[0], id, timestamp, body).toString("base64");
  const response = await fetch(`${herald}/v1/providers/${NAME}/receipts`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${signature}`,
    },
    body,
  });
  console.log(`receipts ${response.status} ${await response.text()}`);
}

const server = createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const body = Buffer.concat(pieces);
  if (!isFromHerald(request.headers, body)) return response.writeHead(401).end();
  const { items } = JSON.parse(body);
  for (const item of items) if (!done.has(item.id)) done.set(item.id, await send(item));
  const results = items.map(({ id }) => ({ id, ...done.get(id) }));
  response.setHeader("content-type", "application/json").end(JSON.stringify({ results }));
  const sent = results.filter(({ status }) => status === "ok");
  if (herald && sent.length > 0) {
    await report(sent.map(({ id }) => ({ message: id, status: "delivered" })));
  }
});

server.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => {
  console.log(`listening on ${server.address().port}`);
});
