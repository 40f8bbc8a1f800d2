/** All readers of classic bytes, for tests that give them anything. */
import { readCommand } from "../../../src/gateways/classic/commands.ts";
import { readMessage, writeMessage } from "../../../src/gateways/classic/data.ts";
import { readEnvelope } from "../../../src/gateways/classic/envelope.ts";
import { readFrameHeader } from "../../../src/gateways/classic/frame.ts";
import { readInward } from "../../../src/gateways/classic/inward.ts";
import { readLogin } from "../../../src/gateways/classic/login.ts";
import { writeParcel } from "../../../src/gateways/classic/outward.ts";
import { readStatus, writeStatus } from "../../../src/gateways/classic/status.ts";

const SELF = { kind: "board", principal: "board:17", number: -17n } as const;
const WIDE = { bits: 64, phonesArePositive: true, hasSlots: true } as const;
const NARROW = { bits: 32, phonesArePositive: false, hasSlots: true } as const;
const RULES = { secret: "of no worth", skewMax: 60, allowsNoClock: true };
const findPhone = (): undefined => undefined;

/**
 * Each takes any bytes and throws only where something is wrong with the code: a reader that
 * throws, or one that reads what the writer would not write.
 */
export const fuzzTargets: Readonly<Record<string, (bytes: Buffer) => void>> = {
  message(bytes) {
    const read = readMessage(bytes);
    if (!read.ok) return;
    const again = writeMessage(read.value);
    // The second byte is reserved, and is not kept.
    if (bytes[1] === 0 && !again.equals(bytes)) throw new Error("it is written otherwise");
  },
  narrow: (bytes) => void readFrameHeader(bytes, "narrow"),
  command: (bytes) => void readCommand(0xe0 + ((bytes[0] ?? 0) & 7), bytes.subarray(1)),
  status(bytes) {
    const read = readStatus(bytes);
    if (read.ok && !writeStatus(read.value).equals(bytes)) throw new Error("written otherwise");
  },
  login: (bytes) => void readLogin(bytes.toString(), RULES, 0),
  envelope(bytes) {
    readEnvelope({ bytes: bytes.toString("latin1") }, 100);
    readEnvelope({ messageId: bytes.length, body: bytes.toString("base64") }, 100);
  },
  inward: (bytes) => void readInward(bytes, SELF, { space: WIDE, findPhone }),
  "inward narrow": (bytes) => void readInward(bytes, SELF, { space: NARROW, findPhone }),
  outward(bytes) {
    const payload = { bytes: bytes.toString("base64") };
    for (const space of [WIDE, NARROW]) {
      const writing = { space, bytesMax: 200, now: 0 };
      writeParcel({ from: "user:16", payload }, SELF, { frame: 0, data: 0 }, writing);
    }
  },
};
