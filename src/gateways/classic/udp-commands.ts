import { boardKey } from "../../core/address.ts";
import type { DeviceCommand } from "../../core/device-request.ts";
import { toRuntimeError } from "../../core/errors.ts";
import { isName } from "../../core/names.ts";
import { fail } from "../../core/result.ts";
import { networkOf } from "../remote-address.ts";
import type { ClassicCommand, ClassicReply, ReplyCode } from "./commands.ts";
import { classicNumber } from "./ids.ts";
import type { ClassicUdpOptions, NewClassicBoard } from "./udp-options.ts";
import type { ClassicPeer } from "./udp-peer.ts";
import { noteRefused, noteStranger } from "./who.ts";

type Of<Type extends ClassicCommand["type"]> = Extract<ClassicCommand, { type: Type }>;
/** Called once, when the command has come to something. */
type Reply = (reply: ClassicReply) => void;

const NOBODY = 0n;

/** Does a command of a board that has a session, and replies by its code. */
export function carryOut(
  peer: ClassicPeer,
  command: Exclude<ClassicCommand, { type: "session" }>,
  options: ClassicUdpOptions,
  reply: Reply,
): void {
  const { sid: session } = peer;
  switch (command.type) {
    case "register":
      return register(peer, command, options, reply);
    case "login":
      return login(peer, command, options, reply);
    case "rename":
    case "unbind": {
      const { mac } = peer;
      const { type } = command;
      const answer = (code: ReplyCode) => reply({ type, code, session, mac });
      if (!command.mac.equals(mac)) return answer("command");
      if (command.type === "unbind") return ask(peer, { do: "unbind" }, answer);
      const { name } = command;
      return isName(name) ? ask(peer, { do: "rename", name }, answer) : answer("command");
    }
    case "heartbeat": {
      const { type, id } = command;
      const { device } = peer;
      // Who is not logged in, or no longer, is told so by its first heartbeat.
      if (device === undefined) return reply({ type, code: "server", session });
      const isItself = id === undefined || id === device.self.number;
      return reply({ type, code: isItself ? "ok" : "command", session });
    }
    case "sub-offline": {
      const { type, sub } = command;
      if (sub !== undefined) {
        const gone: DeviceCommand = { do: "sub-offline", sub: `${sub}` };
        return ask(peer, gone, (code) => reply({ type, code, session }));
      }
      // Without one it is the board itself that leaves.
      peer.leave("good-bye");
      return reply({ type, code: "ok", session });
    }
  }
}

/** The reply to a command that a board may not send, or that has not the length it must have. */
export function notUnderstood(session: ClassicPeer["sid"]): ClassicReply {
  return { type: "heartbeat", code: "command", session };
}

/** The reply to whoever has no session, or has one no longer. */
export function unknownSession(session: ClassicPeer["sid"]): ClassicReply {
  return { type: "heartbeat", code: "server", session };
}

function register(
  { sid: session, mac, serial }: ClassicPeer,
  command: Of<"register">,
  { registry, space }: ClassicUdpOptions,
  reply: Reply,
): void {
  const refuse = (code: ReplyCode) =>
    reply({ type: "register", code, session, id: NOBODY, cookie: "" });
  if (!command.mac.equals(mac) || !command.serial.equals(serial)) return refuse("command");
  if (registry.register === undefined) return refuse("server");
  void registry
    .register(boardOf(command))
    .catch((thrown: unknown) => fail<never>(toRuntimeError(thrown)))
    .then((outcome) => {
      if (!outcome.ok) return refuse(codeOf(outcome.error.code));
      const { board, cookie } = outcome.value;
      const id = classicNumber(boardKey(board), space);
      if (id === undefined) return refuse("server");
      return reply({ type: "register", code: "ok", session, id, cookie });
    });
}

function boardOf(command: Of<"register">): NewClassicBoard {
  const { mac, serial, deviceType, companyType, producedAt, signature, name } = command;
  return {
    ...{ deviceType, companyType, producedAt, name },
    mac: mac.toString("hex"),
    serial: serial.toString("hex"),
    signature: signature.toString("base64"),
  };
}

function login(
  peer: ClassicPeer,
  { mac, cookie }: Of<"login">,
  options: ClassicUdpOptions,
  reply: Reply,
): void {
  const { limits, registry, space } = options;
  const { sid: session } = peer;
  const answer = (code: ReplyCode): void => {
    peer.isJoining = false;
    reply({ type: "login", code, session, heartbeatSeconds: limits.udpHeartbeatSeconds });
  };
  if (!mac.equals(peer.mac)) return answer("command");
  if (peer.isJoining) {
    return reply({ type: "login", code: "server", session, heartbeatSeconds: 0 });
  }
  peer.isJoining = true;
  void registry
    .login({ mac: mac.toString("hex"), cookie })
    .catch((thrown: unknown) => fail<never>(toRuntimeError(thrown)))
    .then((outcome) => {
      if (!outcome.ok) {
        const named = cookie.slice(0, Math.max(0, cookie.indexOf("|")));
        if (isName(named)) {
          noteStranger(boardKey(named), outcome.error, options, peer.place.address);
        }
        return answer(codeOf(outcome.error.code));
      }
      const { board, secretVersion } = outcome.value;
      const principal = boardKey(board);
      const number = classicNumber(principal, space);
      if (number === undefined || peer.isOver) return answer("server");
      const known = peer.device?.self.principal;
      // It is logged in already: its session goes on, and nobody else may have it.
      if (known !== undefined) return answer(known === principal ? "ok" : "command");
      const { address } = peer.place;
      const bannedMs = countLogIn(principal, address, options);
      if (bannedMs > 0) {
        const message = `it logs in too often; banned for ${bannedMs} ms`;
        noteRefused(principal, { code: "gateway.banned", message }, options, address);
        return answer("server");
      }
      const self = { kind: "board", principal, number } as const;
      return peer.join(self, secretVersion, ({ isWelcome, code }) =>
        answer(isWelcome ? "ok" : codeOf(code)),
      );
    });
}

/** For how long it is refused, in milliseconds. It was told its session there: it is there. */
function countLogIn(principal: string, address: string, { bans }: ClassicUdpOptions): number {
  if (bans === undefined) return 0;
  const waits = [bans.waitMs("address", networkOf(address)), bans.waitMs("principal", principal)];
  return Math.max(...waits);
}

function ask(peer: ClassicPeer, command: DeviceCommand, answer: (code: ReplyCode) => void): void {
  const { device } = peer;
  if (device === undefined) return answer("server");
  device.request({ type: "command", command }, (outcome) =>
    answer(outcome.ok ? "ok" : codeOf(outcome.code)),
  );
}

/** Whether it was the user's own service that could not be reached. */
function codeOf(code: string): ReplyCode {
  return code === "platform.failed" ? "http" : "server";
}
