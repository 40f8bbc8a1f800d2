/**
 * MessagePack for what frames hold: nil, booleans, numbers, strings, bytes, arrays and maps.
 *
 * @see https://github.com/msgpack/msgpack/blob/master/spec.md
 */

/** Arrays and maps inside one another, in both directions. */
const DEPTH_MAX = 100;
/** Up to this many bytes, reading ASCII by hand beats the platform's decoder. */
const ASCII_BYTES_MAX = 24;

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Writes one value.
 *
 * Like JSON, it leaves out fields that are undefined and writes undefined elements as nil.
 *
 * @throws TypeError for what has no place in a frame: functions, symbols, bigints, numbers that
 * are not finite, objects other than arrays, plain objects and Uint8Array.
 * @throws RangeError when it is nested more than 100 deep.
 */
export function encodeMsgpack(value: unknown): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.write(value, 0);
  return writer.finish();
}

/**
 * Reads one value that fills `bytes` completely. The result shares no memory with `bytes`.
 *
 * @throws RangeError when the bytes are cut short, go on after the value, are nested more than
 * 100 deep, or hold an integer beyond 2^53 - 1.
 * @throws TypeError for extension types, map keys that are not strings, text that is not UTF-8.
 */
export function decodeMsgpack(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes);
  const value = reader.read(0);
  reader.end();
  return value;
}

class Writer {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#at);
  }

  write(value: unknown, depth: number): void {
    if (value === null || value === undefined) return this.#head(0xc0);
    switch (typeof value) {
      case "boolean":
        return this.#head(value ? 0xc3 : 0xc2);
      case "number":
        return this.#number(value);
      case "string":
        return this.#string(value);
      case "object":
        return this.#object(value, depth + 1);
      default:
        throw new TypeError(`a ${typeof value} has no place in a frame`);
    }
  }

  #object(value: object, depth: number): void {
    if (depth > DEPTH_MAX) throw new RangeError(`nested more than ${DEPTH_MAX} deep`);
    if (value instanceof Uint8Array) return this.#binary(value);
    if (Array.isArray(value)) {
      this.#length(value.length, 0x90, 15, 0xdc);
      for (const element of value) this.write(element, depth);
      return;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    // Another realm's plain object has another Object.prototype, whose own prototype is null.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      throw new TypeError("only arrays, plain objects and Uint8Array have a place in a frame");
    }
    const entries = Object.entries(value).filter(([, field]) => field !== undefined);
    this.#length(entries.length, 0x80, 15, 0xde);
    for (const [key, field] of entries) {
      this.#string(key);
      this.write(field, depth);
    }
  }

  #number(value: number): void {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no place in a frame`);
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      this.#head(0xcb, 8);
      this.#view.setFloat64(this.#at, value);
      this.#at += 8;
    } else if (value >= 0) this.#unsigned(value);
    else this.#signed(value);
  }

  #unsigned(value: number): void {
    if (value < 0x80) this.#head(value);
    else if (value < 0x100) this.#sized(0xcc, 1, value);
    else if (value < 0x1_0000) this.#sized(0xcd, 2, value);
    else if (value < 0x1_0000_0000) this.#sized(0xce, 4, value);
    else {
      this.#head(0xcf, 8);
      this.#view.setBigUint64(this.#at, BigInt(value));
      this.#at += 8;
    }
  }

  /** Two's complement of a negative number is what the unsigned writers leave of its low bits. */
  #signed(value: number): void {
    if (value >= -0x20) this.#head(value & 0xff);
    else if (value >= -0x80) this.#sized(0xd0, 1, value);
    else if (value >= -0x8000) this.#sized(0xd1, 2, value);
    else if (value >= -0x8000_0000) this.#sized(0xd2, 4, value);
    else {
      this.#head(0xd3, 8);
      this.#view.setBigInt64(this.#at, BigInt(value));
      this.#at += 8;
    }
  }

  #string(text: string): void {
    const bytes = utf8Encoder.encode(text);
    if (bytes.length > 31 && bytes.length < 0x100) this.#sized(0xd9, 1, bytes.length);
    else this.#length(bytes.length, 0xa0, 31, 0xda);
    this.#raw(bytes);
  }

  #binary(bytes: Uint8Array): void {
    if (bytes.length < 0x100) this.#sized(0xc4, 1, bytes.length);
    else if (bytes.length < 0x1_0000) this.#sized(0xc5, 2, bytes.length);
    else this.#sized(0xc6, 4, bytes.length);
    this.#raw(bytes);
  }

  /** A length: inside the type byte if it fits, else in 16 bits, else (next type) in 32. */
  #length(length: number, short: number, shortMax: number, wide: number): void {
    if (length <= shortMax) this.#head(short | length);
    else if (length < 0x1_0000) this.#sized(wide, 2, length);
    else this.#sized(wide + 1, 4, length);
  }

  #sized(type: number, size: 1 | 2 | 4, value: number): void {
    this.#head(type, size);
    if (size === 1) this.#view.setUint8(this.#at, value);
    else if (size === 2) this.#view.setUint16(this.#at, value);
    else this.#view.setUint32(this.#at, value);
    this.#at += size;
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #head(type: number, more = 0): void {
    this.#reserve(1 + more);
    this.#bytes[this.#at] = type;
    this.#at += 1;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    // A plain view: Node's Buffer would share memory where `slice` has to copy.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw new RangeError(`${left} bytes after the value`);
  }

  read(depth: number): unknown {
    const type = this.#view.getUint8(this.#take(1));
    if (type < 0x80) return type;
    if (type < 0x90) return this.#map(type & 0x0f, depth + 1);
    if (type < 0xa0) return this.#array(type & 0x0f, depth + 1);
    if (type < 0xc0) return this.#string(type & 0x1f);
    if (type >= 0xe0) return type - 0x100;
    if (type >= 0xca && type <= 0xd3) return this.#number(type);
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#binary(this.#size(type - 0xc4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#string(this.#size(type - 0xd9));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#size(type - 0xdb), depth + 1);
      case 0xde:
      case 0xdf:
        return this.#map(this.#size(type - 0xdd), depth + 1);
      default:
        throw new TypeError(`type 0x${type.toString(16)} has no place in a frame`);
    }
  }

  #number(type: number): number {
    switch (type) {
      case 0xca:
        return this.#view.getFloat32(this.#take(4));
      case 0xcb:
        return this.#view.getFloat64(this.#take(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#size(type - 0xcc);
      case 0xcf:
        return safe(this.#view.getBigUint64(this.#take(8)));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      default:
        return safe(this.#view.getBigInt64(this.#take(8)));
    }
  }

  /** An unsigned number of 2^power bytes. */
  #size(power: number): number {
    if (power === 0) return this.#view.getUint8(this.#take(1));
    if (power === 1) return this.#view.getUint16(this.#take(2));
    return this.#view.getUint32(this.#take(4));
  }

  #array(length: number, depth: number): unknown[] {
    this.#nest(length, depth);
    const array: unknown[] = [];
    for (let n = 0; n < length; n += 1) array.push(this.read(depth));
    return array;
  }

  #map(length: number, depth: number): Record<string, unknown> {
    this.#nest(length * 2, depth);
    const map: Record<string, unknown> = {};
    for (let n = 0; n < length; n += 1) {
      const key = this.read(depth);
      if (typeof key !== "string") throw new TypeError("a map key is not a string");
      const value = this.read(depth);
      if (key === "__proto__") defineField(map, key, value);
      else map[key] = value;
    }
    return map;
  }

  /** Every element takes a byte at least, so a length beyond the bytes left is refused early. */
  #nest(elements: number, depth: number): void {
    if (depth > DEPTH_MAX) throw new RangeError(`nested more than ${DEPTH_MAX} deep`);
    if (elements > this.#bytes.length - this.#at) throw new RangeError("the bytes are cut short");
  }

  #string(length: number): string {
    const start = this.#take(length);
    if (length <= ASCII_BYTES_MAX) {
      const text = this.#ascii(start, length);
      if (text !== undefined) return text;
    }
    return utf8Decoder.decode(this.#bytes.subarray(start, start + length));
  }

  #ascii(start: number, length: number): string | undefined {
    let text = "";
    for (let at = start; at < start + length; at += 1) {
      const byte = this.#bytes[at]!;
      if (byte >= 0x80) return undefined;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #binary(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.slice(start, start + length);
  }

  /** Moves past `bytes` bytes and returns where they start. */
  #take(bytes: number): number {
    const start = this.#at;
    if (bytes > this.#bytes.length - start) throw new RangeError("the bytes are cut short");
    this.#at = start + bytes;
    return start;
  }
}

function safe(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is not a safe integer`);
  return number;
}

/** Assigning to `__proto__` would change the prototype; this makes an ordinary field of it. */
function defineField(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}
