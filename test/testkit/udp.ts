import { onTestFinished } from "vitest";
import { UdpDevice, type UdpDeviceOptions } from "../../clients/udp/src/device.ts";
import { udpNetwork } from "../../clients/udp/src/network.ts";

/** Resolves with a device once it is connected, or rejects with why it was not let in. */
export function connectUdp(
  port: number,
  options: Pick<UdpDeviceOptions, "key" | "secret"> & Partial<UdpDeviceOptions>,
): Promise<UdpDevice> {
  return new Promise((resolve, reject) => {
    const device = new UdpDevice({
      network: udpNetwork("127.0.0.1", port),
      ...options,
      onState(state, why) {
        options.onState?.(state, why);
        if (state === "connected") resolve(device);
        else if (state === "closed") reject(new Error(why));
      },
    });
    onTestFinished(() => device.drop());
  });
}
