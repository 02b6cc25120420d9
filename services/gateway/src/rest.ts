/**
 * The REST API: every contract with a route, asked over the bus, and answered with the service's own bytes. It stands on
 * node:http alone, because what Express does for a request costs as much as all that we do (docs/adr/0039).
 */
import type { IncomingMessage } from "node:http";
import type { Bus } from "@tollbooth/shared/bus";
import type { Ask, Caller, Command, Route } from "@tollbooth/shared/contract";
import { Fault } from "@tollbooth/shared/fault";
import { mayAsk, type Reply } from "@tollbooth/shared/handler";
import { InHand } from "@tollbooth/shared/in-hand";
import { requestsInHand } from "@tollbooth/shared/metrics";
import { idempotencyKey } from "./idempotency.ts";
import type { Guesses } from "./guesses.ts";
import { bodyReader, pathOf, queryInput, queryOf } from "./input.ts";
import { Routes, type Found } from "./routes.ts";
import { send, type Answer } from "./answer.ts";

export const PREFIX = "/api/v1/credits";
/** Where a contract does not say another. */
export const BODY_MAX_BYTES = 100_000;

export interface Rest {
  readonly bus: Pick<Bus, "forward">;
  /** What each service answers. */
  readonly commands: Readonly<Record<string, readonly Command[]>>;
  /** How long a request may wait for its service. */
  readonly requestTimeoutMs: number;
  /** Requests that may wait for one service at a time; one more is refused at once. */
  readonly inHandMax: number;
  /** Who asks for things that do not exist, where names can be guessed. */
  readonly guesses: Guesses;
  /** Lets a request in: who asks, if he says so. Throws where the token is bad or the limit reached. */
  readonly admit: (req: IncomingMessage, res: Answer) => Promise<Caller | undefined>;
  /** Answers what was thrown. */
  readonly refuse: (thrown: unknown, res: Answer) => void;
}

interface Mounted {
  readonly command: Command;
  readonly route: Route;
  readonly readBody: ReturnType<typeof bodyReader>;
  /** What waits for the service that answers it. */
  readonly inHand: InHand;
}

/** Answers what is below the prefix: routes for all commands that have one. What is `internal` has none. */
export function restHandler(rest: Rest): (req: IncomingMessage, res: Answer) => void {
  const routes = new Routes<Mounted>();
  for (const [service, commands] of Object.entries(rest.commands)) {
    // One that stands still keeps nobody from the others.
    const inHand = new InHand(rest.inHandMax);
    requestsInHand.watch(() => [{ labels: { service }, value: inHand.count }]);
    for (const command of commands) {
      if (command.http === undefined || command.access === "internal") continue;
      const readBody = bodyReader(command.bodyMaxBytes ?? BODY_MAX_BYTES);
      routes.add(command.http.method.toUpperCase(), command.http.path, {
        command,
        route: command.http,
        readBody,
        inHand,
      });
    }
  }
  return (req, res) => void answer(routes, rest, req, res).catch((thrown: unknown) => rest.refuse(thrown, res));
}

async function answer(routes: Routes<Mounted>, rest: Rest, req: IncomingMessage, res: Answer): Promise<void> {
  const path = pathOf(req).slice(PREFIX.length);
  const found = routes.find(req.method ?? "", path);
  if (found === undefined) return nothingHere(routes, rest, req, res, path);
  res.locals.route = `${PREFIX}${found.value.route.path}`;
  // Before anything that costs: what is refused must be cheap, or refusing is what there is too much of.
  requireRoom(found.value);
  const caller = await rest.admit(req, res);
  mayAsk(found.value.command.access, caller);
  const reply = await forward(found, caller, rest, req, res);
  if (reply.replayed) res.setHeader("Idempotency-Replayed", "true");
  if (reply.next !== undefined) res.setHeader("Link", `<${nextPage(req, reply.next)}>; rel="next"`);
  send(res, 200, "application/json", reply.json);
}

async function forward(
  { value, params }: Found<Mounted>,
  caller: Caller | undefined,
  { bus, guesses, requestTimeoutMs }: Rest,
  req: IncomingMessage,
  res: Answer,
): Promise<Reply> {
  const { command, route, readBody, inHand } = value;
  const key = route.method === "post" ? idempotencyKey(req.headersDistinct["idempotency-key"]) : undefined;
  const json = route.method === "post" ? await readBody(req, res) : queryInput(req, params);
  const ask: Ask = {
    requestId: res.locals.requestId,
    deadlineMs: Date.now() + requestTimeoutMs,
    ...(caller !== undefined && { caller }),
    ...(key !== undefined && { idempotencyKey: key }),
  };
  // An admin may list all codes anyway, and asks for many users at once.
  const isGuesser = command.guessable === true && caller?.roles.includes("admin") === false;
  const look = () => {
    // Whoever takes his time over his body has taken nobody's place.
    requireRoom(value);
    return inHand.hold(bus.forward(command, json, ask));
  };
  return isGuesser ? guesses.ask(caller.sub, look) : look();
}

/** Throws `overloaded` where as many requests as may wait for the service. */
function requireRoom({ command, inHand }: Mounted): void {
  if (!inHand.isFull) return;
  const detail = `too many requests wait for ${command.subject.split(".")[0]}; try again shortly`;
  throw new Fault("overloaded", detail, { retryAfterS: 1 });
}

/**
 * Addresses that do not exist are counted and authenticated like those that do. One that is asked in a way that it does
 * not take tells the methods of all routes that fit it.
 */
async function nothingHere(
  routes: Routes<Mounted>,
  { admit }: Rest,
  req: IncomingMessage,
  res: Answer,
  path: string,
): Promise<never> {
  const place = routes.at(path);
  if (place !== undefined) res.locals.route = `${PREFIX}${place.path}`;
  await admit(req, res);
  if (place === undefined) throw new Fault("not_found", "nothing is at this address");
  throw otherMethod(place.methods, req, res);
}

/** The refusal of a request that an address does not take in this way. */
export function otherMethod(methods: readonly string[], req: IncomingMessage, res: Answer): Fault {
  const allow = methods.join(", ");
  res.setHeader("Allow", allow);
  return new Fault("method_not_allowed", `this address takes ${allow}, not ${req.method}`);
}

/** The same request for the page that begins at the cursor. */
function nextPage(req: IncomingMessage, cursor: string): string {
  const query = queryOf(req);
  query.delete("offset");
  query.set("cursor", cursor);
  return `${pathOf(req)}?${query.toString()}`;
}
