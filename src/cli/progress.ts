import { Presets, SingleBar } from "cli-progress";

/** A progress bar on the error stream; a line a second where that is not a terminal. */
export interface Progress {
  start(total: number, payload?: object): void;
  update(value: number, payload?: object): void;
  stop(): void;
}

const silent: Progress = { start: () => {}, update: () => {}, stop: () => {} };

/** `{bar}`, `{percentage}`, `{value}` and the payload's fields may stand in the format. */
export function progressBar(quiet: boolean, format: string): Progress {
  if (quiet) return silent;
  const options = {
    format,
    stream: process.stderr,
    hideCursor: true,
    fps: 10,
    noTTYOutput: true,
    notTTYSchedule: 1000,
  };
  const bar = new SingleBar(options, Presets.shades_classic);
  return {
    start: (total, payload = {}) => bar.start(total, 0, payload),
    update: (value, payload = {}) => bar.update(value, payload),
    stop: () => bar.stop(),
  };
}
