import { expect, onTestFinished, test } from "vitest";
import { openUdpPort } from "../../../src/gateways/udp/socket.ts";

const settings = "udp.host, udp.port";
const ignore = () => {};

test("a host may be a name, and a port that is taken is told with its settings", async () => {
  const port = await openUdpPort({ host: "localhost", port: 0, settings }, ignore);
  onTestFinished(() => port.close());
  const again = { host: "localhost", port: port.number, settings };
  await expect(openUdpPort(again, ignore)).rejects.toMatchObject({
    code: "config.invalid",
    problems: [
      {
        path: settings,
        expected: "an address of this machine and a port that is free",
        got: expect.stringContaining(`localhost port ${port.number} (bind EADDRINUSE`),
      },
    ],
  });
});
