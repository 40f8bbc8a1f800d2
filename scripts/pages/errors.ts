import { ERRORS, type ErrorCode } from "../../src/core/errors.ts";

const INTRODUCTION = `# Errors

<!-- Made from src/core/errors.ts by \`npm run docs\`. Do not edit. -->

Every operating error of Herald has a code of this page, wherever it shows: in an answer of the
[admin API](http-api.md), in an \`error\` frame of the device protocol, in the CLI's output, in the
audit record and in the log. Codes are added freely, never renamed and never reused.

- *Retry* says whether the same call may succeed later. If the error carries \`retryAfterMs\`, wait
  that long; otherwise begin with a second and double it, with jitter.
- *Status* is the HTTP status that carries it.

Over HTTP an error looks like this; a \`problems\` entry names the field, what was expected and what
came, and there is one for everything that is wrong:

\`\`\`json
{
  "error": {
    "code": "http.invalid",
    "message": "1 thing is wrong",
    "advice": "Correct the named fields; see /docs.",
    "retryable": false,
    "problems": [{ "path": "rate", "expected": "at least 0", "got": "-1" }],
    "requestId": "req_8Jm1cJ3kTZq5n0b2V4xY7w"
  }
}
\`\`\`
`;

/** The reference of all codes, one table per area. */
export function errorsPage(): string {
  const codes = Object.keys(ERRORS) as ErrorCode[];
  const areas = [...new Set(codes.map((code) => code.split(".")[0]!))];
  const sections = areas.map((area) => {
    const rows = codes.filter((code) => code.split(".")[0] === area).map(row);
    return [
      `## ${area}`,
      "",
      "| Code | Status | Retry | What to do |",
      "|---|---|---|---|",
      ...rows,
      "",
    ].join("\n");
  });
  return [INTRODUCTION, ...sections].join("\n");
}

function row(code: ErrorCode): string {
  const { status, retryable, advice } = ERRORS[code];
  return `| \`${code}\` | ${status} | ${retryable ? "yes" : "no"} | ${advice} |`;
}
