import { isName } from "../../core/names.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Decoded } from "./codec.ts";
import { readDeviceRequest } from "./device-request.ts";
import { COUNT, type Fields, invalid, isCount, isFields, isText } from "./fields.ts";
import type { ClientFrame } from "./frames.ts";
import { WIRE_LIMITS } from "./limits.ts";

/** Checks one decoded value and makes a frame of what it knows in it. */
export function readClientFrame(value: unknown): Decoded {
  if (!isFields(value)) return invalid("", "an object with a type", value);
  const read = readFields(value);
  const { id } = value;
  return read.ok || !isCount(id) ? read : { ok: false, error: read.error, id };
}

function readFields(value: Fields): Result<ClientFrame> {
  switch (value["type"]) {
    case "ping":
      return readPing(value);
    case "ack":
      return readAck(value);
    case "hello":
      return readHello(value);
    case "refresh":
      return readRefresh(value);
    default:
      return readDeviceRequest(value);
  }
}

function readPing(fields: Fields): Result<ClientFrame> {
  const { id, data } = fields;
  if (!isCount(id)) return invalid("id", COUNT, id);
  return ok(data === undefined ? { type: "ping", id } : { type: "ping", id, data });
}

function readAck(fields: Fields): Result<ClientFrame> {
  const { offsets, upTo } = fields;
  if (upTo !== undefined && !isCount(upTo)) return invalid("upTo", COUNT, upTo);
  if (offsets === undefined) {
    if (upTo === undefined) return invalid("offsets", "there, or upTo", undefined);
    return ok({ type: "ack", upTo });
  }
  if (!Array.isArray(offsets) || offsets.length > WIRE_LIMITS.ackOffsetsMax) {
    return invalid("offsets", `an array of at most ${WIRE_LIMITS.ackOffsetsMax}`, offsets);
  }
  for (let index = 0; index < offsets.length; index += 1) {
    const offset: unknown = offsets[index];
    if (!isCount(offset)) return invalid(`offsets.${index}`, COUNT, offset);
  }
  const checked: readonly number[] = offsets;
  return ok(
    upTo === undefined
      ? { type: "ack", offsets: checked }
      : { type: "ack", offsets: checked, upTo },
  );
}

function readHello(fields: Fields): Result<ClientFrame> {
  const { credential, device, resume, offset } = fields;
  const { nameMax, resumeMax } = WIRE_LIMITS;
  const checked = readCredential(credential);
  if (!checked.ok) return checked;
  if (typeof device !== "string" || !isName(device)) {
    return invalid(
      "device",
      `a string of 1 to ${nameMax} characters, none of them control`,
      device,
    );
  }
  if (resume !== undefined && !isText(resume, resumeMax)) {
    return invalid("resume", `a string of 1 to ${resumeMax} characters`, resume);
  }
  if (offset !== undefined && !isCount(offset)) return invalid("offset", COUNT, offset);
  return ok({
    type: "hello",
    credential: checked.value,
    device,
    ...(resume === undefined ? {} : { resume }),
    ...(offset === undefined ? {} : { offset }),
  });
}

function readRefresh({ id, credential }: Fields): Result<ClientFrame> {
  if (!isCount(id)) return invalid("id", COUNT, id);
  const checked = readCredential(credential);
  return checked.ok ? ok({ type: "refresh", id, credential: checked.value }) : checked;
}

function readCredential(credential: unknown): Result<string> {
  const { credentialMax } = WIRE_LIMITS;
  if (isText(credential, credentialMax)) return ok(credential);
  return invalid("credential", `a string of 1 to ${credentialMax} characters`, credential);
}
