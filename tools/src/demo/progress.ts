/** Progress for people: a bar on a terminal, a line now and then elsewhere. */
import { Presets, SingleBar } from "cli-progress";

const LINE_EVERY_MS = 2_000;

export interface Progress {
  readonly add: (count: number) => void;
  readonly stop: () => void;
}

/** Counts up to `total`, on standard output. */
export function openProgress(total: number): Progress {
  const isTerminal = process.stdout.isTTY;
  const bar = new SingleBar(
    {
      stream: process.stdout,
      format: `  ${isTerminal ? "{bar} " : ""}{value} of {total} events recorded, {speed}/s`,
      noTTYOutput: true,
      notTTYSchedule: LINE_EVERY_MS,
      // It would end the process on a signal, and the terminal would stay as it was set for the bar.
      gracefulExit: false,
      hideCursor: false,
      linewrap: true,
    },
    Presets.shades_classic,
  );
  const begin = performance.now();
  let count = 0;
  bar.start(total, 0, { speed: 0 });
  return {
    add: (more) => {
      count += more;
      bar.update(count, { speed: Math.round((count * 1000) / (performance.now() - begin)) });
    },
    stop: () => bar.stop(),
  };
}
