/** The numbers of classic devices, in every space that can be configured, on a whole node. */
import { createHash } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { startWholeNode } from "../http/whole-node.ts";
import { message, SECRET } from "./bytes.ts";
import { ClassicSocket } from "./socket.ts";

const MIN = { 32: -(2n ** 31n), 64: -(2n ** 63n) } as const;
const MAX = { 32: 2n ** 31n - 1n, 64: 2n ** 63n - 1n } as const;
const REFUSED = 3;

async function start(classic: object) {
  const config = { enabled: true, secret: SECRET, allowsNoClock: true, ...classic };
  const node = await startWholeNode({ classic: config });
  onTestFinished(() => node.stop());
  const port = Number(new URL(node.url).port);
  /** Logs in with any text for a number; resolves with the answer and whose session it has. */
  const login = async (id: string) => {
    const head = `${id}|0|30`;
    const digest = createHash("md5").update(`${head}|${SECRET}`).digest("base64");
    const socket = await ClassicSocket.open(port);
    socket.say(`${head}|${digest}`);
    const [code, slot] = await socket.next();
    const { items } = await node.call("GET", "/v1/devices");
    return { code, slot, who: items.at(-1)?.principal as string | undefined, socket };
  };
  return { ...node, login };
}

for (const idBits of [32, 64] as const) {
  for (const phonesArePositive of [true, false]) {
    const sign = phonesArePositive ? "" : "-";
    const other = phonesArePositive ? "-" : "";
    const space = `${idBits} bits, ${phonesArePositive ? "positive" : "negative"} phones`;

    test(`${space}: the sign says what a device is, up to the ends of the space`, async () => {
      const { login } = await start({ idBits, phonesArePositive });
      expect(await login(`${sign}16`)).toMatchObject({ code: 0, slot: 1, who: "user:16" });
      expect(await login(`${other}1`)).toMatchObject({ code: 0, who: "board:1" });
      const end = phonesArePositive ? MIN[idBits] : MAX[idBits];
      const size = end < 0n ? -end : end;
      expect(await login(`${end}`)).toMatchObject({ code: 0, who: `board:${size}` });
      const none = ["0", "-0", "+16", "016", " 16", "16.0", "1e3", "0x10", "", "１６"];
      const beyond = [MIN[idBits] - 1n, MAX[idBits] + 1n, 2n ** 64n].map(String);
      for (const id of [...none, ...beyond]) {
        expect((await login(id)).code, id).toBe(REFUSED);
      }
    });

    test(`${space}: the last users have fifteen phones, or none at all`, async () => {
      const { login } = await start({ idBits, phonesArePositive });
      const last = MAX[idBits] - 15n;
      for (let slot = 1; slot <= 15; slot += 1) {
        const phone = await login(`${sign}${last}`);
        expect(phone).toMatchObject({ code: 0, slot, who: `user:${last}` });
        phone.socket.send(message({ source: BigInt(`${sign}${last}`), destination: 1n }));
        await phone.socket.heartbeat();
      }
      // One more multiple of 16 is in the space of negative phones, and its phones are not.
      expect((await login(`${MIN[idBits]}`)).code).toBe(phonesArePositive ? 0 : REFUSED);
    });
  }
}
