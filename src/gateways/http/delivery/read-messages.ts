import type { z } from "zod";
import type { Problem } from "../../../core/errors.ts";
import { problemsOf } from "../../../core/problems.ts";
import { jsonLines, type LineBatch } from "../../ndjson/decoder.ts";
import { invalid } from "../check.ts";
import { tooLarge } from "../exchange.ts";
import type { Upload } from "../route.ts";

/**
 * Reads messages, one per line, and checks all of them before any is sent.
 *
 * @throws RuntimeError `http.invalid` with every line that is wrong, `http.body-too-large`.
 */
export async function readMessages<Schema extends z.ZodType>(
  upload: Upload,
  schema: Schema,
  { linesMax, bytesMax }: { readonly linesMax: number; readonly bytesMax: number },
): Promise<readonly z.output<Schema>[]> {
  const lines = jsonLines();
  const messages: z.output<Schema>[] = [];
  const problems: Problem[] = [];
  const take = (batch: LineBatch<unknown>): void => {
    for (const { line, field, expected, got } of batch.faults) {
      problems.push({
        path: field === "" ? `line ${line}` : `line ${line}.${field}`,
        expected,
        got,
      });
    }
    for (const { line, value } of batch.lines) {
      const parsed = schema.safeParse(value);
      if (parsed.success) messages.push(parsed.data);
      else problems.push(...atLine(line, problemsOf(parsed.error, value)));
    }
    if (messages.length + problems.length > linesMax) {
      const got = `${messages.length + problems.length} or more`;
      throw invalid([{ path: "", expected: `at most ${linesMax} lines`, got }]);
    }
  };
  let bytes = 0;
  for (let piece = await upload.read(); piece !== undefined; piece = await upload.read()) {
    bytes += piece.byteLength;
    if (bytes > bytesMax) throw tooLarge(bytes, bytesMax);
    take(lines.feed(piece));
  }
  take(lines.finish());
  if (problems.length > 0) throw invalid(problems);
  if (messages.length === 0) throw invalid([{ path: "", expected: "a line", got: "none" }]);
  return messages;
}

function atLine(line: number, problems: readonly Problem[]): Problem[] {
  return problems.map(({ path, ...rest }) => ({ path: `line ${line}.${path}`, ...rest }));
}
