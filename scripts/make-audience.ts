/**
 * Writes `examples/audience.csv`: 10 000 members with invented first names and a locale each.
 *
 * The same seed makes the same file, byte for byte: `node scripts/make-audience.ts`.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Random, seededRandom } from "../src/core/random.ts";

const MEMBERS = 10_000;
const SEED = 2_026;
const STARTS = ["Al", "Be", "Ca", "Do", "El", "Fi", "Ga", "Hu", "Io", "Ka", "Lu", "Mi", "No", "Or"];
const MIDDLES = ["", "ra", "le", "mi", "no", "va", "du", "si"];
const ENDS = ["bel", "dan", "fin", "lia", "mar", "nea", "ric", "sol", "tis", "wen", "xa", "zo"];
const LOCALES = ["de-DE", "en-GB", "en-US", "es-ES", "fr-FR", "it-IT", "ja-JP", "pl-PL", "zh-CN"];

/** The text of the file, header included; lines end in one line feed. */
export function makeAudience(): string {
  const random = seededRandom(SEED);
  const lines = ["member,name,locale"];
  for (let n = 1; n <= MEMBERS; n += 1) {
    const member = `m-${String(n).padStart(5, "0")}`;
    const name = pick(STARTS, random) + pick(MIDDLES, random) + pick(ENDS, random);
    lines.push(`${member},${name},${pick(LOCALES, random)}`);
  }
  return `${lines.join("\n")}\n`;
}

function pick(values: readonly string[], random: Random): string {
  return values[Math.floor(random() * values.length)]!;
}

if (import.meta.main) {
  const target = fileURLToPath(new URL("../examples/audience.csv", import.meta.url));
  writeFileSync(target, makeAudience());
}
