import { Buffer } from "node:buffer";
import { ok, type Result } from "../../core/result.ts";
import { refuse } from "../protocol/fields.ts";

/** What a board asks the node over classic UDP, as message ids of an opcode-2 frame. */
export const COMMANDS = {
  session: 0xe0,
  register: 0xe1,
  login: 0xe2,
  rename: 0xe3,
  unbind: 0xe4,
  heartbeat: 0xe5,
  "sub-offline": 0xe6,
} as const;

/** The first four bytes of a reply's body. */
export const REPLY_CODES = { ok: 0, http: 1000, server: 1001, command: 1002 } as const;

export type ReplyCode = keyof typeof REPLY_CODES;

/** A command's body, as it was read. */
export type ClassicCommand =
  | { readonly type: "session"; readonly mac: Buffer; readonly serial: Buffer }
  | {
      readonly type: "register";
      readonly session: Buffer;
      readonly deviceType: number;
      readonly companyType: number;
      /** Seconds since the Unix epoch. */
      readonly producedAt: number;
      readonly mac: Buffer;
      readonly serial: Buffer;
      readonly signature: Buffer;
      /** May be empty. */
      readonly name: string;
    }
  | {
      readonly type: "login";
      readonly session: Buffer;
      readonly mac: Buffer;
      /** Without the zero bytes at its end. */
      readonly cookie: string;
    }
  | {
      readonly type: "rename";
      readonly session: Buffer;
      readonly mac: Buffer;
      readonly name: string;
    }
  | { readonly type: "unbind"; readonly session: Buffer; readonly mac: Buffer }
  | { readonly type: "heartbeat"; readonly session: Buffer; readonly id: bigint | undefined }
  | { readonly type: "sub-offline"; readonly session: Buffer; readonly sub: bigint | undefined };

const SESSION = 16;
const MAC = 8;
const SERIAL = 16;
const SIGNATURE = 260;
const COOKIE = 64;
const ID = 8;
const RESERVED = 8;

/** Reads the body of a command; `protocol.invalid` names the field. Never throws. */
export function readCommand(messageId: number, body: Buffer): Result<ClassicCommand> {
  const fields = new Fields(body);
  const command = readFields(messageId, fields);
  if (command === undefined) return refuse("command", "0xe0 to 0xe6", `${messageId}`);
  if (fields.trouble !== undefined) return refuse(fields.trouble.path, ...fields.trouble.words);
  const { left } = fields;
  if (left > 0) return refuse(command.type, "a body without more", `${left} bytes more`);
  return ok(command);
}

function readFields(messageId: number, fields: Fields): ClassicCommand | undefined {
  switch (messageId) {
    case COMMANDS.session:
      return { type: "session", mac: fields.take("mac", MAC), serial: fields.take("sn", SERIAL) };
    case COMMANDS.register:
      return readRegister(fields);
    case COMMANDS.login:
      return {
        type: "login",
        session: fields.take("sid", SESSION),
        mac: fields.take("mac", MAC),
        cookie: untilZero(fields.take("cookie", COOKIE)),
      };
    case COMMANDS.rename:
      return {
        type: "rename",
        session: fields.take("sid", SESSION),
        mac: fields.take("mac", MAC),
        name: fields.text("name"),
      };
    case COMMANDS.unbind:
      return {
        type: "unbind",
        session: fields.take("sid", SESSION),
        mac: fields.take("mac", MAC),
      };
    case COMMANDS.heartbeat:
      return {
        type: "heartbeat",
        session: fields.take("sid", SESSION),
        id: fields.left === 0 ? undefined : fields.id("id"),
      };
    case COMMANDS["sub-offline"]:
      return {
        type: "sub-offline",
        session: fields.take("sid", SESSION),
        sub: fields.left === 0 ? undefined : fields.id("sub"),
      };
    default:
      return undefined;
  }
}

function readRegister(fields: Fields): ClassicCommand {
  return {
    type: "register",
    session: fields.take("sid", SESSION),
    deviceType: fields.uint16("dv"),
    companyType: fields.uint16("ct"),
    producedAt: fields.uint32("pt"),
    mac: fields.take("mac", MAC),
    serial: fields.take("sn", SERIAL),
    signature: fields.take("signature", SIGNATURE),
    name: fields.text("name"),
  };
}

/** What goes back for each command, after the four bytes of the code. */
export type ClassicReply =
  | { readonly type: "session"; readonly code: ReplyCode; readonly session: Buffer }
  | {
      readonly type: "register";
      readonly code: ReplyCode;
      readonly session: Buffer;
      readonly id: bigint;
      /** At most 64 bytes. */
      readonly cookie: string;
    }
  | {
      readonly type: "login";
      readonly code: ReplyCode;
      readonly session: Buffer;
      readonly heartbeatSeconds: number;
    }
  | {
      readonly type: "rename" | "unbind";
      readonly code: ReplyCode;
      readonly session: Buffer;
      readonly mac: Buffer;
    }
  | {
      readonly type: "heartbeat" | "sub-offline";
      readonly code: ReplyCode;
      readonly session: Buffer;
    };

/** Writes the body of a reply. */
export function writeReply(reply: ClassicReply): Buffer {
  const code = Buffer.alloc(4);
  code.writeUInt32LE(REPLY_CODES[reply.code]);
  const session = padded(reply.session, SESSION);
  switch (reply.type) {
    case "session":
      return Buffer.concat([code, session, Buffer.alloc(RESERVED)]);
    case "register": {
      const id = Buffer.alloc(ID);
      id.writeBigInt64LE(reply.id);
      return Buffer.concat([code, session, id, padded(Buffer.from(reply.cookie), COOKIE)]);
    }
    case "login":
      return Buffer.concat([code, session, Buffer.of(Math.min(reply.heartbeatSeconds, 255))]);
    case "rename":
    case "unbind":
      return Buffer.concat([code, session, padded(reply.mac, MAC)]);
    case "heartbeat":
    case "sub-offline":
      return Buffer.concat([code, session]);
  }
}

/** Fields of a body one after the other; past its end they are empty, and `trouble` says so. */
class Fields {
  readonly #body: Buffer;
  #at = 0;
  trouble: { readonly path: string; readonly words: readonly [string, string] } | undefined;

  constructor(body: Buffer) {
    this.#body = body;
  }

  get left(): number {
    return this.trouble === undefined ? this.#body.length - this.#at : 0;
  }

  take(path: string, length: number): Buffer {
    const { left } = this;
    if (left < length) {
      this.trouble ??= { path, words: [`${length} bytes`, `${left} bytes`] };
      return Buffer.alloc(length);
    }
    this.#at += length;
    return this.#body.subarray(this.#at - length, this.#at);
  }

  uint16(path: string): number {
    return this.take(path, 2).readUInt16LE();
  }

  uint32(path: string): number {
    return this.take(path, 4).readUInt32LE();
  }

  id(path: string): bigint {
    return this.take(path, ID).readBigInt64LE();
  }

  /** A length byte and so many bytes of UTF-8. */
  text(path: string): string {
    const length = this.take(`${path} length`, 1)[0]!;
    const bytes = this.take(path, length);
    try {
      return UTF8.decode(bytes);
    } catch {
      this.trouble ??= { path, words: ["UTF-8", "other bytes"] };
      return "";
    }
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function untilZero(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString("latin1");
}

function padded(bytes: Buffer, length: number): Buffer {
  const field = Buffer.alloc(length);
  bytes.copy(field, 0, 0, length);
  return field;
}
