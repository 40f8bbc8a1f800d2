import type { DeviceCommand, DeviceRequest } from "../../core/device-request.ts";
import { isName } from "../../core/names.ts";
import { ok, type Result } from "../../core/result.ts";
import { COUNT, type Fields, invalid, isCount, isFields, isText } from "./fields.ts";
import { WIRE_LIMITS } from "./limits.ts";

const NAME = `a string of 1 to ${WIRE_LIMITS.nameMax} characters, none of them control`;
const KIND = /^[A-Za-z0-9._-]+$/;

/** Checks a decoded map that is no frame of the connection itself. */
export function readDeviceRequest(fields: Fields): Result<DeviceRequest> {
  const { type } = fields;
  if (type === "answer") return readAnswer(fields);
  const read = typeof type === "string" ? READERS.get(type) : undefined;
  if (read === undefined) return invalid("type", "a frame of docs/protocol.md", type);
  const { id } = fields;
  return isCount(id) ? read(fields, id) : invalid("id", COUNT, id);
}

/** Filled in place where it is measured (`bench/route.ts`): spreading costs a copy per field. */
type Building<Type> = {
  -readonly [Field in keyof Request<Type>]: Request<Type>[Field];
};
type Request<Type> = Extract<DeviceRequest, { type: Type }>;

type Reader = (fields: Fields, id: number) => Result<DeviceRequest>;

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["send", readSend],
  ["subscribe", readSubscribe],
  ["unsubscribe", readUnsubscribe],
  ["who", readWho],
  ["publish", readPublish],
  ["upload", readUpload],
  ["command", readCommand],
]);

function readSend(fields: Fields, id: number): Result<DeviceRequest> {
  const { to, payload, topic, answerWithinMs, keepMs } = fields;
  const { addressMax, answerWithinMsMax, keepMsMax } = WIRE_LIMITS;
  if (!isText(to, addressMax)) {
    return invalid("to", `an address of at most ${addressMax} characters`, to);
  }
  if (payload === undefined) return invalid("payload", "there", payload);
  if (topic !== undefined && !isNamed(topic)) return invalid("topic", NAME, topic);
  if (answerWithinMs !== undefined && !isWithin(answerWithinMs, answerWithinMsMax)) {
    return invalid("answerWithinMs", `an integer from 1 to ${answerWithinMsMax}`, answerWithinMs);
  }
  if (keepMs !== undefined && !isWithin(keepMs, keepMsMax)) {
    return invalid("keepMs", `an integer from 1 to ${keepMsMax}`, keepMs);
  }
  if (keepMs !== undefined && answerWithinMs !== undefined) {
    return invalid("keepMs", "absent where answerWithinMs is given", keepMs);
  }
  const send: Building<"send"> = { type: "send", id, to, payload };
  if (answerWithinMs !== undefined) send.answerWithinMs = answerWithinMs;
  if (topic !== undefined) send.topic = topic;
  if (keepMs !== undefined) send.keepMs = keepMs;
  return ok(send);
}

function readAnswer({ request, payload, error }: Fields): Result<DeviceRequest> {
  const { answerErrorMax } = WIRE_LIMITS;
  if (!isCount(request)) return invalid("request", COUNT, request);
  if (error !== undefined && !isText(error, answerErrorMax)) {
    return invalid("error", `a string of 1 to ${answerErrorMax} characters`, error);
  }
  if (error !== undefined && payload !== undefined) {
    return invalid("payload", "absent where error is given", payload);
  }
  const answer: Building<"answer"> = { type: "answer", request };
  if (payload !== undefined) answer.payload = payload;
  if (error !== undefined) answer.error = error;
  return ok(answer);
}

function readSubscribe(fields: Fields, id: number): Result<DeviceRequest> {
  const { topic, epoch, offset, presence } = fields;
  const { kindMax } = WIRE_LIMITS;
  if (!isNamed(topic)) return invalid("topic", NAME, topic);
  if (epoch !== undefined && !isText(epoch, kindMax)) {
    return invalid("epoch", `a string of 1 to ${kindMax} characters`, epoch);
  }
  if (offset !== undefined && !isCount(offset)) return invalid("offset", COUNT, offset);
  if ((epoch === undefined) !== (offset === undefined)) {
    const [missing, other] = epoch === undefined ? ["epoch", "offset"] : ["offset", "epoch"];
    return invalid(missing, `there where ${other} is`, undefined);
  }
  if (presence !== undefined && typeof presence !== "boolean") {
    return invalid("presence", "true or false", presence);
  }
  return ok({
    ...{ type: "subscribe", id, topic },
    ...(epoch === undefined || offset === undefined ? {} : { epoch, offset }),
    ...(presence === undefined ? {} : { presence }),
  });
}

function readUnsubscribe({ topic }: Fields, id: number): Result<DeviceRequest> {
  return isNamed(topic) ? ok({ type: "unsubscribe", id, topic }) : invalid("topic", NAME, topic);
}

/** Either of a topic, or of an address. */
function readWho({ topic, of }: Fields, id: number): Result<DeviceRequest> {
  const { addressMax } = WIRE_LIMITS;
  if (topic === undefined && of === undefined) return invalid("topic", "there, or of", topic);
  if (of === undefined) {
    return isNamed(topic) ? ok({ type: "who", id, topic }) : invalid("topic", NAME, topic);
  }
  if (topic !== undefined) return invalid("of", "absent where topic is given", of);
  if (isText(of, addressMax)) return ok({ type: "who", id, of });
  return invalid("of", `an address of at most ${addressMax} characters`, of);
}

function readPublish({ topic, payload }: Fields, id: number): Result<DeviceRequest> {
  if (!isNamed(topic)) return invalid("topic", NAME, topic);
  if (payload === undefined) return invalid("payload", "there", payload);
  return ok({ type: "publish", id, topic, payload });
}

function readUpload({ kind, payload, key }: Fields, id: number): Result<DeviceRequest> {
  const { kindMax } = WIRE_LIMITS;
  if (!isText(kind, kindMax) || !KIND.test(kind)) {
    return invalid("kind", `1 to ${kindMax} of letters, digits, ".", "_" and "-"`, kind);
  }
  if (payload === undefined) return invalid("payload", "there", payload);
  if (key !== undefined && !isNamed(key)) return invalid("key", NAME, key);
  return ok({ type: "upload", id, kind, payload, ...(key === undefined ? {} : { key }) });
}

function readCommand({ command }: Fields, id: number): Result<DeviceRequest> {
  if (!isFields(command)) return invalid("command", "an object", command);
  const read = readDeviceCommand(command);
  return read.ok ? ok({ type: "command", id, command: read.value }) : read;
}

function readDeviceCommand(fields: Fields): Result<DeviceCommand> {
  const { do: what, name, user, sub } = fields;
  switch (what) {
    case "rename":
      return isNamed(name) ? ok({ do: what, name }) : invalid("command.name", NAME, name);
    case "bind":
      return isNamed(user) ? ok({ do: what, user }) : invalid("command.user", NAME, user);
    case "unbind":
      return ok({ do: what });
    case "sub-online":
    case "sub-offline":
      return isNamed(sub) ? ok({ do: what, sub }) : invalid("command.sub", NAME, sub);
    default:
      return invalid("command.do", '"rename", "bind", "unbind" or "sub-…"', what);
  }
}

function isNamed(value: unknown): value is string {
  return typeof value === "string" && isName(value);
}

function isWithin(value: unknown, max: number): value is number {
  return isCount(value) && value >= 1 && value <= max;
}
