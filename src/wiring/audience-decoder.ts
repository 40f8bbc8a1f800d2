import type { LineDecoder } from "../actors/collect/collector.ts";
import type { ImportFormat } from "../actors/collect/messages.ts";
import { CsvDecoder } from "../gateways/csv/decoder.ts";
import {
  jsonLines,
  type LineBatch,
  type LineDecoder as Lines,
  textLines,
} from "../gateways/ndjson/decoder.ts";

/** A fresh decoder for one imported audience. */
export function audienceDecoder(format: ImportFormat): LineDecoder {
  switch (format) {
    case "csv":
      return new CsvDecoder();
    case "ndjson":
      return valuesOf(jsonLines());
    case "lines":
      return valuesOf(textLines());
  }
}

function valuesOf(lines: Lines<unknown>): LineDecoder {
  const told = ({ lines: rows, faults: problems }: LineBatch<unknown>) => ({ rows, problems });
  return {
    hasHeader: false,
    feed: (bytes) => told(lines.feed(bytes)),
    finish: () => told(lines.finish()),
  };
}
