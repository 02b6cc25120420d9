/** The REST API: every contract with a route is mounted, asked over the bus, and answered with the service's own bytes. */
import { Router, type Request, type RequestHandler, type Response } from "express";
import type { Bus } from "@tollbooth/shared/bus";
import type { Caller, Command, Route } from "@tollbooth/shared/contract";
import { Fault } from "@tollbooth/shared/fault";
import { mayAsk } from "@tollbooth/shared/handler";
import { idempotencyKey } from "./idempotency.ts";
import type { Guesses } from "./guesses.ts";
import { bodyReader, queryInput, queryOf } from "./input.ts";

export const PREFIX = "/api/v1/credits";
/** Where a contract does not say another. */
export const BODY_MAX_BYTES = 100_000;

export interface Rest {
  readonly bus: Pick<Bus, "forward">;
  readonly commands: readonly Command[];
  /** How long a request may wait for its service. */
  readonly requestTimeoutMs: number;
  /** Who asks for things that do not exist, where names can be guessed. */
  readonly guesses: Guesses;
  /** Lets a request in: who asks, if he says so. Throws where the token is bad or the limit reached. */
  readonly admit: (req: Request, res: Response) => Promise<Caller | undefined>;
}

type Mounted = Command & { readonly http: Route };

/** Routes for all commands that have one. What is `internal` has none. */
export function restRouter(rest: Rest): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const mounted = rest.commands.filter(
    (command): command is Mounted => command.http !== undefined && command.access !== "internal",
  );
  for (const command of mounted) router[command.http.method](pattern(command.http), answer(command, rest));
  for (const { http } of mounted) router.all(pattern(http), otherMethod(mounted));
  router.use(nothingHere(rest));
  return router;
}

function answer(command: Mounted, { bus, requestTimeoutMs, admit, guesses }: Rest): RequestHandler {
  const { method, path } = command.http;
  const readBody = bodyReader(command.bodyMaxBytes ?? BODY_MAX_BYTES);
  return async (req, res) => {
    res.locals.route = `${PREFIX}${path}`;
    const caller = await admit(req, res);
    mayAsk(command.access, caller);
    const key = method === "post" ? idempotencyKey(req.headersDistinct["idempotency-key"]) : undefined;
    const json = method === "post" ? await readBody(req, res) : queryInput(req);
    const ask = {
      requestId: res.locals.requestId,
      deadlineMs: Date.now() + requestTimeoutMs,
      ...(caller !== undefined && { caller }),
      ...(key !== undefined && { idempotencyKey: key }),
    };
    const guesser = command.guessable === true ? caller?.sub : undefined;
    if (guesser !== undefined) await guesses.check(guesser);
    const reply = await bus.forward(command, json, ask).catch(async (fault: unknown) => {
      if (guesser !== undefined && Fault.from(fault).code === "not_found") await guesses.miss(guesser);
      throw fault;
    });
    if (reply.replayed) res.set("Idempotency-Replayed", "true");
    if (reply.next !== undefined) res.set("Link", `<${nextPage(req, path, reply.next)}>; rel="next"`);
    res.set("Cache-Control", "no-store").type("application/json").send(reply.json);
  };
}

/** A known address, asked in a way that it does not take. Of several routes that fit it, all their methods are told. */
function otherMethod(mounted: readonly Mounted[]): RequestHandler {
  const routes = mounted.map(({ http }) => ({
    ...http,
    shape: new RegExp(`^${http.path.replaceAll(PARAMETER, "[^/]+")}$`),
  }));
  return (req, res) => {
    const fitting = routes.filter(({ shape }) => shape.test(req.path));
    const methods = fitting.map(({ method }) => method.toUpperCase());
    const allow = methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ");
    res.locals.route = `${PREFIX}${fitting[0]?.path ?? ""}`;
    res.set("Allow", allow);
    throw new Fault("method_not_allowed", `this address takes ${allow}, not ${req.method}`);
  };
}

/** Addresses that do not exist are counted and authenticated like those that do. */
function nothingHere({ admit }: Rest): RequestHandler {
  return async (req, res) => {
    await admit(req, res);
    throw new Fault("not_found", "nothing is at this address");
  };
}

/** The same request for the page that begins at the cursor. */
function nextPage(req: Request, path: string, cursor: string): string {
  const query = queryOf(req);
  query.delete("offset");
  query.set("cursor", cursor);
  const filled = path.replaceAll(PARAMETER, (_, name: string) => encodeURIComponent(String(req.params[name])));
  return `${PREFIX}${filled}?${query.toString()}`;
}

const PARAMETER = /\{(\w+)\}/g;

function pattern({ path }: Route): string {
  return path.replaceAll(PARAMETER, ":$1");
}
