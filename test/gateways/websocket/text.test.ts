/** The socket library writes a string that fits Latin-1 as Latin-1, unless it is stopped. */
import { describe, expect, test } from "vitest";
import { testNode } from "./node.ts";

/** First and last of what makes a range, and what sits between ranges. */
const RANGES: readonly (readonly [name: string, text: string])[] = [
  ["ASCII", '\u0000\u0001\t\n\r\u001f !"/\\~\u007f'],
  ["Latin-1", "\u0080\u009f\u00a0¡éüßÿ\u00ff"],
  ["Latin-1 alone", "é"],
  ["ASCII and Latin-1", "Grüße aus Århus, señor"],
  ["two bytes", "\u0100Łżě\u0391\u0416\u05d0\u0627\u07ff"],
  ["three bytes", "\u0800अ漢字カナ한글€\u2028\u2029\ud7ff\ue000\ufdd0\ufeff\ufffd\uffff"],
  ["four bytes", "\u{10000}🙂👩‍👩‍👧‍👦🇩🇪\u{1f9ff}\u{2a6df}\u{e0001}\u{10fffd}\u{10ffff}"],
  ["combining letters, not composed", "e\u0301 a\u030a\u0323 \u1100\u1161"],
  ["right to left, with marks", "\u202eabc\u202c שלום \u200f"],
  ["all of them", "aé\u07ff漢\uffff🙂"],
];

describe.each(["json", "msgpack"] as const)("text in %s", (encoding) => {
  test.each(RANGES)("arrives as it was sent: %s", async (_, text) => {
    const node = testNode();
    const device = await node.login("ada", { encoding });
    const { connection } = device;
    // Short and long, alone and with others: each takes another way to the socket.
    const texts = [text, text.repeat(40), `${"x".repeat(17_000)}${text}`];
    for (const [n, data] of texts.entries()) connection.send({ type: "ping", id: n, data });
    await connection.next("pong", texts.length);
    expect(connection.of("pong").map(({ data }) => data)).toEqual(texts);

    connection.send({ type: "ping", id: 9, data: { [text]: [text] } });
    expect((await connection.next("pong", 4))["data"]).toEqual({ [text]: [text] });

    await node.push("ada", { text, [text]: [texts[2]] }, { id: `id ${text}` });
    await node.push("ada", text, { ack: false });
    const volatile = { topic: text, payload: JSON.stringify({ text }), id: text };
    const pushes = await device.pushes(2);
    expect(pushes[0]).toMatchObject({
      id: `id ${text}`,
      payload: { text, [text]: [texts[2]] },
    });
    expect(pushes[1]!.payload).toBe(text);
    node.broadcast(volatile);
    expect((await device.pushes(3))[2]).toMatchObject({ topic: text, id: text, payload: { text } });
  });

  test("arrives whole at every length around the borders of headers", async () => {
    const { connection } = await testNode().login("ada", { encoding });
    const lengths = [0, 1, 15, 16, 23, 24, 25, 31, 32, 33, 125, 126, 127, 255, 256, 257, 16_384];
    for (const letter of ["a", "é", "漢", "🙂"]) {
      const texts = lengths.map((length) => letter.repeat(Math.floor(length / letter.length)));
      const before = connection.of("pong").length;
      for (const [id, data] of texts.entries()) connection.send({ type: "ping", id, data });
      await connection.next("pong", before + texts.length);
      const got = connection.of("pong").slice(before);
      expect(got.map(({ data }) => data)).toEqual(texts);
    }
  });
});

test("names of users and devices may be of any letters", async () => {
  const node = testNode();
  const user = "Åsa 漢 🙂";
  const device = await node.login(user, { device: "телефон 📱" });
  await node.push(user, { ok: true });
  expect((await device.pushes(1))[0]!.payload).toEqual({ ok: true });
  const { session } = await device.connection.next("welcome");
  device.drop();
  expect((await device.connect())["session"]).toBe(session);
});

test("an error that repeats nothing of a frame is plain, and one that must is UTF-8", async () => {
  const { connection } = await testNode().login("ada");
  connection.send({ type: "é漢🙂" });
  const error = await connection.next("error");
  expect(error["message"]).toBe(
    "type must be a frame of docs/protocol.md; got a string of 4 characters",
  );
});

test("a browser's own WebSocket reads what is written", async () => {
  const node = testNode();
  const socket = new WebSocket(`ws://127.0.0.1:${node.port}/v1/connect`, ["herald.v1.json"]);
  const frames: Record<string, unknown>[] = [];
  const done = new Promise<void>((resolve, reject) => {
    socket.onerror = () => reject(new Error("the socket failed"));
    socket.onmessage = ({ data }) => {
      frames.push(JSON.parse(data as string));
      if (frames.length === 1 + RANGES.length) resolve();
    };
  });
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  const credential = await node.credential("ada");
  socket.send(JSON.stringify({ type: "hello", credential, device: "browser" }));
  for (const [id, [, data]] of RANGES.entries()) {
    socket.send(JSON.stringify({ type: "ping", id, data }));
  }
  await done;
  expect(frames.slice(1).map(({ data }) => data)).toEqual(RANGES.map(([, text]) => text));
  socket.close();
});
