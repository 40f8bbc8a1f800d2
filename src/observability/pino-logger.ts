import { type DestinationStream, destination, pino } from "pino";
import type { Logger, LogLevel } from "../core/logger.ts";

export interface LoggerOptions {
  readonly level: LogLevel | "silent";
  readonly node: string;
  /** Where lines go; the error stream by default, so that the output stream stays a result's. */
  readonly stream?: DestinationStream;
}

/** Characters of lines that wait to be written; more are dropped. */
const UNWRITTEN_MAX = 1_048_576;

/** JSON lines with time, level, node and message; safe to call on hot paths when filtered out. */
export function pinoLogger({ level, node, stream }: LoggerOptions): Logger {
  const log = pino(
    {
      level,
      base: { node },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ["token", "credential", "authorization", "secret"], censor: "(hidden)" },
    },
    stream ?? errorStream(),
  );
  return {
    debug: (message, fields = {}) => log.debug(fields, message),
    info: (message, fields = {}) => log.info(fields, message),
    warn: (message, fields = {}) => log.warn(fields, message),
    error: (message, fields = {}) => log.error(fields, message),
  };
}

/** A node goes on where its log cannot be written, on a full disk for example; lines are lost. */
function errorStream(): DestinationStream {
  const stream = destination({ fd: 2, sync: true, maxLength: UNWRITTEN_MAX });
  stream.on("error", () => {});
  return stream;
}
