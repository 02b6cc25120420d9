/** Every contract there is: the gateway mounts them, the documents and the broker's permissions are made from them. */
import type { Command, Event } from "../contract.ts";
import * as coupons from "./coupons.ts";
import * as credits from "./credits.ts";
import * as deadLetters from "./dead-letters.ts";
import * as exchanges from "./exchanges.ts";
import * as explain from "./explain.ts";
import * as holds from "./holds.ts";
import * as openrouter from "./openrouter.ts";
import * as prices from "./prices.ts";
import * as tiers from "./tiers.ts";
import * as usage from "./usage.ts";

type Service = "credits" | "usage" | "coupons" | "openrouter";

/** By rooms and not by names: two rooms may use one name. */
const ROOMS: readonly Record<string, unknown>[] = [
  coupons,
  credits,
  deadLetters,
  exchanges,
  explain,
  holds,
  openrouter,
  prices,
  tiers,
  usage,
];

function only<K extends "command" | "event" | "report">(kind: K, ...rooms: readonly Record<string, unknown>[]) {
  const isOne = (value: unknown): value is K extends "command" ? Command : Event =>
    typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
  // A module's own order depends on who loads it.
  return rooms
    .flatMap((room) => Object.values(room))
    .filter(isOne)
    .toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
}

/** A service answers the subjects that begin with its name. */
function answeredBy(service: Service): readonly Command[] {
  return only("command", ...ROOMS).filter(({ subject }) => subject.startsWith(`${service}.`));
}

export const commands: Readonly<Record<Service, readonly Command[]>> = {
  credits: answeredBy("credits"),
  usage: answeredBy("usage"),
  coupons: answeredBy("coupons"),
  openrouter: answeredBy("openrouter"),
};

export const events: Readonly<Record<Service, readonly Event[]>> = {
  credits: only("event", credits),
  usage: only("event", usage),
  coupons: only("event", coupons),
  openrouter: only("event", openrouter),
};

/** What reporters tell each service; no service of ours may publish it. */
export const reports: Readonly<Partial<Record<Service, readonly Event[]>>> = { usage: only("report", usage) };
