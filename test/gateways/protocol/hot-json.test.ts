import { describe, expect, test } from "vitest";
import { type Random, seededRandom } from "../../../src/core/random.ts";
import { readClientFrame } from "../../../src/gateways/protocol/client-frame.ts";
import { readHot } from "../../../src/gateways/protocol/hot-json.ts";
import { findTrouble } from "../../../src/gateways/protocol/json-trouble.ts";

const INPUTS = 200_000;

/** What a text is by way of `JSON.parse`; undefined when it is refused. */
function slowly(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (findTrouble(value, 1) !== undefined) return undefined;
  const frame = readClientFrame(value);
  return frame.ok ? frame.value : undefined;
}

describe("the short way to read a frame", () => {
  test.each([
    '{"type":"ping","id":7}',
    '{"type":"ack","upTo":7}',
    '{"type":"ack","offsets":[1,2]}',
    '{"type":"send","id":7,"to":"board:lamp","payload":{"on":true}}',
    '{"type":"send","id":7,"to":"board:lamp","payload":{"on":true},"answerWithinMs":2000}',
    '{"type":"send","id":7,"to":"board:lamp","payload":"é","answerWithinMs":300000}',
    '{"type":"answer","request":3,"payload":{"on":true}}',
    '{"type":"answer","request":3,"payload":"on"}',
  ])("is taken by %s", (text) => {
    expect(readHot(text)).toEqual(slowly(text));
    expect(readHot(text)).toBeDefined();
  });

  test.each([
    '{"type":"send","id":7,"to":"a","payload":{"answerWithinMs":5}}',
    '{"type":"send","id":7,"to":"a","payload":{},"answerWithinMs":0}',
    '{"type":"send","id":7,"to":"a","payload":{},"answerWithinMs":300001}',
    '{"type":"send","id":7,"to":"a","payload":{},"answerWithinMs":05}',
    '{"type":"send","id":7,"to":"a","payload":{},"answerWithinMs":9999999999999999}',
    '{"type":"send","id":7,"to":"a","payload":,"answerWithinMs":5}',
    '{"type":"send","id":7,"to":"a","payload":"x,"answerWithinMs":5}',
    '{"type":"send","id":7,"to":"a","payload":"x","topic":"t"}',
    '{"type":"send","id":7,"to":"a","payload":{},"to":"b","payload":{}}',
    '{"type":"send","id":7,"to":"a\\"b","payload":{}}',
    '{"type":"send","id":7,"to":"","payload":{}}',
    '{"type":"send","id":7,"to":"a","payload":{"__proto__":1}}',
    '{"type":"send","id":7,"to":"a","payload":{"a":1e999}}',
    '{"type":"send","id":7,"to":"a","payload":5,"answerWithinMs":5}',
    '{"type":"answer","request":3,"payload":{}, "error":{}}',
    '{"type":"answer","request":3,"payload":"}',
    '{"type":"answer","request":03,"payload":{}}',
  ])("reads %s as the long way does, or leaves it alone", (text) => {
    const read = readHot(text);
    if (read !== undefined) expect(read).toEqual(slowly(text));
  });

  test(`says what the long way says, or nothing, in ${INPUTS} random texts`, () => {
    const seed = Math.floor(performance.now() * 1000);
    const random = seededRandom(seed);
    let taken = 0;
    for (let input = 0; input < INPUTS; input += 1) {
      const text = random() < 0.25 ? randomMiddle(random) : randomText(random);
      const read = readHot(text);
      if (read === undefined) continue;
      taken += 1;
      expect(slowly(text), `seed ${seed}: ${text}`).toEqual(read);
    }
    expect(taken).toBeGreaterThan(INPUTS / 20);
  });
});

/** What stands where numbers and texts stand in frames of the shortest kind. */
const SHAPES = [
  ['{"type":"ping","id":', "}"],
  ['{"type":"ping","id":1,"data":"', '"}'],
  ['{"type":"ack","upTo":', "}"],
  ['{"type":"ack","offsets":[', "]}"],
  ['{"type":"ack","offsets":[1,', "]}"],
] as const;
const CHARACTERS = [...'"\\}],:019a é\n-.e'];

function randomMiddle(random: Random): string {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const [head, tail] = pick(SHAPES);
  const length = Math.floor(random() * 18);
  return head + Array.from({ length }, () => pick(CHARACTERS)).join("") + tail;
}

const PARTS = [
  ...['{"type":"ping","id":', '{"type":"send","id":', '{"type":"answer","request":'],
  ...['{"type":"ack","upTo":', '{"type":"ack","offsets":[', "]}", "}", "{", "[", "]", '"', "\\"],
  ...[',"data":"', ',"to":"', ',"payload":', ',"answerWithinMs":', ',"error":', ',"topic":"t"'],
  ...["0", "7", "12", "9007199254740993", "-1", "1e3", "1e999", "null", "true", " ", "\u0001"],
  ...['"on"', '"__proto__":1', '{"on":true}', "board:lamp", "é", "🙂", "{}"],
];

/** A frame that is well written, with some parts put in, left out or put elsewhere. */
function randomText(random: Random): string {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const payload = pick(["{}", '{"on":[1,{"a":"b"}]}', '"on"', '"a\\nb"', "7", "null", "[1]"]);
  const within = pick(["", "", ',"answerWithinMs":5', ',"answerWithinMs":2000']);
  const frame = pick([
    [
      '{"type":"send","id":',
      "7",
      ',"to":"',
      "board:lamp",
      '"',
      ',"payload":',
      payload,
      within,
      "}",
    ],
    ['{"type":"answer","request":', "3", ',"payload":', payload, "}"],
    ['{"type":"ping","id":', "5", ',"data":"', "x", '"', "}"],
    ['{"type":"ack","offsets":[', "1", ",", "2", "]}"],
  ]);
  const parts = [...frame];
  for (let changes = Math.floor(random() * 4); changes > 0; changes -= 1) {
    const at = Math.floor(random() * parts.length);
    parts.splice(at, Math.floor(random() * 2), ...(random() < 0.6 ? [pick(PARTS)] : []));
  }
  return parts.join("");
}
