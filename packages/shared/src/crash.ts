/**
 * Named points at which the fault tests kill the process as if power had failed: `CRASH_AT=relay.after-publish:2` dies the
 * second time that point is passed. Costs a comparison where it is not set.
 */
const [point, times] = (process.env["CRASH_AT"] ?? "").split(":");
let left = Number(times ?? 1);

/** Dies here where a fault test says so. */
export function crashPoint(name: string): void {
  if (name === point && --left === 0) process.kill(process.pid, "SIGKILL");
}
