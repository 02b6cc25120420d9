/** New ids: UUIDs of version 7, which sort by the millisecond in which they were made. */
import { randomFillSync } from "node:crypto";
import { v7 } from "uuid";

const BYTES = 16;
/** Asking the system for so few bytes costs more than all the rest of an id: they are fetched for many at once. */
const pool = new Uint8Array(256 * BYTES);
let used = pool.length;

/** A new id. */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return v7({ random: pool.subarray(used, (used += BYTES)) });
}
