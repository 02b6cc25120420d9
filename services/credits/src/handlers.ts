/** What the credits service answers: each contract joined with what does it. */
import type { Bus } from "@tollbooth/shared/bus";
import { discardDeadCharges, listDeadCharges, redriveDeadCharges } from "@tollbooth/shared/contracts/dead-letters";
import type { Db } from "@tollbooth/shared/db";
import { discard, tellLetters, type Redriven } from "@tollbooth/shared/dead-letters";
import { handle, type Endpoint } from "@tollbooth/shared/handler";
import type { Balances } from "./balances.ts";
import { redriveEvent } from "./events.ts";
import { holdEndpoints } from "./hold-handlers.ts";
import { moneyEndpoints } from "./money-handlers.ts";
import type { Poster } from "./posting.ts";
import { readEndpoints } from "./read-handlers.ts";
import { tierEndpoints } from "./tier-handlers.ts";

/** What the endpoints work with. */
export interface Room {
  readonly db: Db;
  readonly bus: Bus;
  readonly balances: Balances;
  readonly poster: Poster;
}

/** Everything that the service answers. */
export function endpoints(room: Room): Endpoint[] {
  return [
    ...readEndpoints(room),
    ...moneyEndpoints(room),
    ...holdEndpoints(room),
    ...tierEndpoints(room),
    ...letterEndpoints(room),
  ];
}

function letterEndpoints({ db, poster }: Room): Endpoint[] {
  return [
    handle(listDeadCharges, (page) => tellLetters(db, page)),
    handle(redriveDeadCharges, async ({ ids }) => {
      const answers: Redriven[] = [];
      // One by one: each holds its letter, and a connection, while it is posted.
      for (const id of ids) answers.push(await redriveEvent(db, poster, id));
      return answers;
    }),
    handle(discardDeadCharges, (put) => discard(db, put)),
  ];
}
