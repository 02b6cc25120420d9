/** Loaded before a service (`--import`): its clock is ahead by FAULT_CLOCK_AHEAD_MS, or behind. What measures time runs on. */
const aheadMs = Number(process.env.FAULT_CLOCK_AHEAD_MS);
const { now } = Date;

globalThis.Date = new Proxy(Date, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [Date.now()] : args, newTarget),
  apply: (target) => new target(Date.now()).toString(),
});
Date.now = () => now() + aheadMs;
