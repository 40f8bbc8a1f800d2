/** Devices that send to each other, on virtual time. */
import type { ConnectionMessage, DeviceFrame } from "../../../src/actors/session/messages.ts";
import type { DeviceRequest } from "../../../src/core/device-request.ts";
import { type ReachDesk, reachDesk } from "../../testkit/reach-desk.ts";
import {
  type Device,
  type SessionNode,
  type SessionNodeOptions,
  sessionNode,
} from "../../testkit/session-node.ts";

type Send = Extract<DeviceRequest, { type: "send" }>;

export interface Talker extends Device {
  /** What it was told beside its welcome and pushes. */
  frames(): readonly DeviceFrame[];
  /** Payloads of the messages it got. */
  got(): readonly unknown[];
  send(to: string, payload: unknown, more?: Partial<Send>): number;
  request(request: DeviceRequest): void;
  /** Status events it was told, as `device.online user:ann`. */
  statuses(): string[];
  kick(): Extract<ConnectionMessage, { type: "close" }> | undefined;
}

export interface RoutingNode extends SessionNode {
  readonly relations: ReachDesk;
  /** Logs devices in and waits until they are welcome. */
  talkers(...principals: readonly string[]): Promise<Talker[]>;
  talker(principal: string, device?: string): Talker;
  talks(device: Device): Talker;
}

export function routingNode(options: SessionNodeOptions = {}): RoutingNode {
  const node = sessionNode(options);
  const relations = reachDesk(node.system);
  let devices = 0;
  let requests = 0;

  const talks = (device: Device): Talker => {
    const { connection, session } = device;
    const frames = (): DeviceFrame[] =>
      connection.received.flatMap((one) => (one.type === "frame" ? [one.frame] : []));
    const request = (asked: DeviceRequest): void =>
      void session.send({ type: "request", request: asked });
    return {
      ...device,
      frames,
      request,
      got: () => frames().flatMap((frame) => (frame.type === "message" ? [frame.payload] : [])),
      send(to, payload, more = {}) {
        requests += 1;
        request({ type: "send", id: requests, to, payload, ...more });
        return requests;
      },
      statuses: () =>
        device.pushes().map(({ push }) => {
          const { event, about } = JSON.parse(push.payload) as { event: string; about: string };
          return `${event} ${about}`;
        }),
      kick: () => connection.received.find((one) => one.type === "close"),
    };
  };
  const talker: RoutingNode["talker"] = (principal, device = `device-${++devices}`) =>
    talks(node.login(principal, device));
  return {
    ...node,
    relations,
    talks,
    talker,
    async talkers(...principals) {
      const made = principals.map((principal) => talker(principal));
      await node.settle();
      return made;
    },
  };
}
