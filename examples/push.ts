/**
 * Sends one message to a user through the HTTP API.
 *
 *     export HERALD_TOKEN=$(cat data/admin-token)
 *     npx node examples/push.ts ann "Your taxi is here" [id]
 *
 * With an id of your own a repeated call is harmless: the user gets the message once.
 */
const url = process.env["HERALD_URL"] ?? "http://127.0.0.1:9010";
const [user, text, id] = process.argv.slice(2);
if (user === undefined || text === undefined) {
  console.error('usage: HERALD_TOKEN=<token> npx node examples/push.ts <user> "<text>" [id]');
  process.exit(2);
}

const response = await fetch(new URL("/v1/push", url), {
  method: "POST",
  headers: {
    authorization: `Bearer ${process.env["HERALD_TOKEN"] ?? ""}`,
    "content-type": "application/json",
  },
  body: JSON.stringify({
    to: [`user:${user}`],
    topic: "news",
    payload: { text },
    ttlMs: 3_600_000,
    ...(id === undefined ? {} : { id }),
  }),
});
console.log(JSON.stringify(await response.json()));
process.exitCode = response.ok ? 0 : 1;
