import { RuntimeError } from "../../core/errors.ts";

/** The version of the C library that older distributions lack. */
export const MISSING_VERSION = "GLIBC_2.38";

/**
 * The only symbols that may be redirected: C23 twins of functions that every C library has.
 * They differ in reading the `0b` prefix, which the addon never parses.
 */
const C23_PREFIX = "__isoc23_";
const REPLACEABLE = ["strtol", "strtoul", "strtoull"].map((name) => C23_PREFIX + name);

/** ELF machine number to the oldest version its C library has: where the plain names live. */
const BASELINES: Readonly<Record<number, string>> = { 62: "GLIBC_2.2.5", 183: "GLIBC_2.17" };

/** ELF constants and record sizes. @see System V ABI, chapter 4; LSB, "Symbol Versioning". */
const MAGIC = 0x464c457f;
const CLASS_64_LITTLE_ENDIAN = 0x0102;
const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;
const SHT_DYNSYM = 11;
const SHT_GNU_VERNEED = 0x6ffffffe;
const SHT_GNU_VERSYM = 0x6fffffff;
const VERSION_INDEX_MASK = 0x7fff;

/** The real addon needs about twenty; a damaged list must not be walked for long. */
const NEEDED_VERSIONS_MAX = 256;

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  /** Number of the section it refers to: of a symbol table, its strings. */
  readonly link: number;
}

/** One version that the binary needs of one library. */
interface NeededVersion {
  readonly library: string;
  readonly name: string;
  /** Where its record is in the file. */
  readonly offset: number;
  /** What the symbols' version entries call it. */
  readonly index: number;
}

/**
 * Makes a copy of a 64-bit Linux addon that loads without GLIBC_2.38.
 *
 * The record of that version points at the machine's baseline version instead, and the names of
 * the three C23 number parsers start nine bytes later (`__isoc23_strtol` becomes `strtol`).
 * The file's layout does not change and the original bytes are left alone.
 *
 * @throws RuntimeError `gateway.unsupported` for anything but exactly such a file.
 * @see docs/decisions/0002-uwebsockets-on-older-glibc.md
 */
export function withoutGlibc238(original: Buffer): Buffer {
  try {
    return patch(Buffer.from(original));
  } catch (cause) {
    // Every offset in the file is distrusted: Buffer's own bounds checks throw RangeError.
    if (!(cause instanceof RangeError)) throw cause;
    throw refusal("it is cut short or damaged", cause);
  }
}

function patch(binary: Buffer): Buffer {
  if (binary.length < SECTION_BYTES || binary.readUInt32LE(0) !== MAGIC) {
    throw refusal("it is not an ELF file");
  }
  const baselineName = BASELINES[binary.readUInt16LE(18)];
  if (binary.readUInt16LE(4) !== CLASS_64_LITTLE_ENDIAN || baselineName === undefined) {
    throw refusal("it is not built for 64-bit x86 or ARM");
  }

  const sections = readSections(binary);
  const symbols = onlySection(sections, SHT_DYNSYM);
  const strings = sections[symbols.link];
  if (strings === undefined) throw refusal("its symbols have no names");

  const needed = readNeededVersions(binary, onlySection(sections, SHT_GNU_VERNEED), strings);
  const missing = needed.filter(({ name }) => name === MISSING_VERSION);
  const baseline = needed.find((it) => it.name === baselineName && isLibc(it.library));
  const [record] = missing;
  if (record === undefined || missing.length > 1 || !isLibc(record.library)) {
    const libraries = missing.map(({ library }) => library).join(", ") || "no library";
    throw refusal(`it needs ${MISSING_VERSION} of ${libraries}, expected of libc.so.6 alone`);
  }
  if (baseline === undefined) throw refusal(`it does not use ${baselineName} of libc.so.6`);

  const versions = onlySection(sections, SHT_GNU_VERSYM);
  renameSymbols(binary, { symbols, versions, strings, index: record.index });
  binary.copyWithin(record.offset, baseline.offset, baseline.offset + 4); // vna_hash
  binary.copyWithin(record.offset + 8, baseline.offset + 8, baseline.offset + 12); // vna_name
  return binary;
}

function readSections(binary: Buffer): Section[] {
  const start = readOffset(binary, 40);
  const count = binary.readUInt16LE(60);
  if (binary.readUInt16LE(58) !== SECTION_BYTES) throw refusal("it has no section table");
  if (start + count * SECTION_BYTES > binary.length) throw refusal("it is cut short");
  return Array.from({ length: count }, (_, number) => {
    const at = start + number * SECTION_BYTES;
    return {
      type: binary.readUInt32LE(at + 4),
      offset: readOffset(binary, at + 24),
      size: readOffset(binary, at + 32),
      link: binary.readUInt32LE(at + 40),
    };
  });
}

function onlySection(sections: readonly Section[], type: number): Section {
  const [found, ...others] = sections.filter((section) => section.type === type);
  if (found !== undefined && others.length === 0) return found;
  throw refusal(`it has ${others.length + (found ? 1 : 0)} sections of type ${type}, expected one`);
}

/** Walks the list of libraries and, below each, the list of its versions. */
function readNeededVersions(binary: Buffer, section: Section, strings: Section): NeededVersion[] {
  const found: NeededVersion[] = [];
  const end = section.offset + section.size;
  let library = section.offset;
  for (;;) {
    const name = readName(binary, strings, readWithin(binary, library + 4, end));
    let version = library + readWithin(binary, library + 8, end);
    for (let left = binary.readUInt16LE(library + 2); left > 0; left -= 1) {
      if (found.length === NEEDED_VERSIONS_MAX) throw refusal("its version table is too long");
      found.push({
        library: name,
        name: readName(binary, strings, readWithin(binary, version + 8, end)),
        offset: version,
        index: binary.readUInt16LE(version + 6),
      });
      version += readWithin(binary, version + 12, end);
    }
    const next = readWithin(binary, library + 12, end);
    if (next === 0) return found;
    library += next;
  }
}

interface Renaming {
  readonly symbols: Section;
  readonly versions: Section;
  readonly strings: Section;
  /** The version whose symbols are renamed. */
  readonly index: number;
}

function renameSymbols(binary: Buffer, { symbols, versions, strings, index }: Renaming): void {
  const count = Math.floor(symbols.size / SYMBOL_BYTES);
  if (versions.size < count * 2) throw refusal("its version table is damaged");
  for (let number = 0; number < count; number += 1) {
    const version = binary.readUInt16LE(versions.offset + number * 2) & VERSION_INDEX_MASK;
    if (version !== index) continue;
    const at = symbols.offset + number * SYMBOL_BYTES;
    const nameOffset = binary.readUInt32LE(at);
    const name = readName(binary, strings, nameOffset);
    if (!REPLACEABLE.includes(name)) {
      throw refusal(`its symbol ${printable(name)} needs ${MISSING_VERSION} and has no older twin`);
    }
    binary.writeUInt32LE(nameOffset + C23_PREFIX.length, at);
  }
}

/** Reads a 32-bit field, refusing one outside of its table. */
function readWithin(binary: Buffer, at: number, end: number): number {
  if (at + 4 > end) throw refusal("its version table is damaged");
  return binary.readUInt32LE(at);
}

/** Reads a 64-bit offset or size, refusing one beyond the file. */
function readOffset(binary: Buffer, at: number): number {
  const value = binary.readBigUInt64LE(at);
  if (value > BigInt(binary.length)) throw refusal("an offset lies beyond its end");
  return Number(value);
}

function readName(binary: Buffer, strings: Section, offset: number): string {
  const start = strings.offset + offset;
  const end = binary.indexOf(0, start);
  if (offset >= strings.size || end < 0 || end >= strings.offset + strings.size) {
    throw refusal("a name lies outside of its table");
  }
  return binary.toString("latin1", start, end);
}

function isLibc(library: string): boolean {
  return library === "libc.so.6";
}

/** A name from an untrusted file, safe to print. */
function printable(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}

function refusal(found: string, cause?: unknown): RuntimeError {
  const message = `The uWebSockets.js binary cannot be adapted to an older C library: ${found}`;
  return new RuntimeError("gateway.unsupported", message, { cause });
}
