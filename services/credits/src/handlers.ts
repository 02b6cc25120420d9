/** What the credits service answers: each contract joined with what does it. */
import type { Bus } from "@tollbooth/shared/bus";
import type { Db } from "@tollbooth/shared/db";
import type { Endpoint } from "@tollbooth/shared/handler";
import { holdEndpoints } from "./hold-handlers.ts";
import type { Clock } from "./loading.ts";
import type { Poster } from "./posting.ts";
import { readEndpoints } from "./read-handlers.ts";
import { tierEndpoints } from "./tier-handlers.ts";
import { moneyEndpoints } from "./money-handlers.ts";

/** What the endpoints work with. */
export interface Room {
  readonly db: Db;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly poster: Poster;
}

export function endpoints(room: Room): Endpoint[] {
  return [...readEndpoints(room), ...moneyEndpoints(room), ...holdEndpoints(room), ...tierEndpoints(room)];
}
