/**
 * A back end that reads what devices upload: prints each upload, and acknowledges what it printed.
 *
 *     HERALD_TOKEN=$(cat data/admin-token) npx node examples/consumer.js [consumer] [url]
 *
 * It goes on where it was, waits for a node that is away, and ends with Ctrl-C.
 */
const [consumer = "example", url = "http://127.0.0.1:9010"] = process.argv.slice(2);
const headers = {
  authorization: `Bearer ${process.env.HERALD_TOKEN}`,
  "content-type": "application/json",
};

async function call(path, options) {
  const response = await fetch(url + path, { ...options, headers });
  const answer = await response.json();
  if (response.ok) return answer;
  const { code, message, retryable, retryAfterMs } = answer.error;
  throw Object.assign(new Error(`${code}: ${message}`), { retryable, retryAfterMs });
}

const query = new URLSearchParams({ consumer, limit: "500", waitMs: "30000" });
for (;;) {
  try {
    const { items, upTo, missed } = await call(`/v1/uploads?${query}`);
    if (missed > 0) console.error(`${missed} uploads are not kept any more`);
    for (const { offset, from, kind, payload } of items) {
      console.log(offset, from, kind, JSON.stringify(payload));
    }
    // Only what has been handled: what is not acknowledged comes again.
    await call("/v1/uploads/ack", { method: "POST", body: JSON.stringify({ consumer, upTo }) });
  } catch (error) {
    if (error.retryable === false) {
      console.error(error.message);
      process.exit(1);
    }
    console.error(`${error.message}; it is tried again`);
    await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? 1000));
  }
}
