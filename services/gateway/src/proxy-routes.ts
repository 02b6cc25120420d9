/** Where the proxy is: the addresses that OpenAI's clients know, below what they take as their base. */
import { Router, type Request, type RequestHandler, type Response } from "express";
import { listModels } from "@tollbooth/shared/contracts/exchanges";
import { Fault } from "@tollbooth/shared/fault";
import { mayAsk } from "@tollbooth/shared/handler";
import { refuse } from "./openai-errors.ts";
import { carry, type Entry, type Proxy } from "./proxy.ts";
import type { Rest } from "./rest.ts";

export const PROXY_PREFIX = "/api/v1";

interface Mount extends Proxy, Pick<Rest, "admit" | "requestTimeoutMs"> {}

/** Routes for chats, embeddings and the list of models. */
export function proxyRouter(mount: Mount): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const entered = (work: (req: Request, res: Response, entry: Entry) => Promise<void>): RequestHandler => {
    return (req, res) => {
      res.locals.route = `${PROXY_PREFIX}${req.path}`;
      return work(req, res, {
        requestId: res.locals.requestId,
        admit: () => mount.admit(req, res),
        onRefused: (code) => (res.locals.code = code),
      });
    };
  };
  router.post(
    "/chat/completions",
    entered((req, res, entry) => carry(mount, "chat", req, res, entry)),
  );
  router.post(
    "/embeddings",
    entered((req, res, entry) => carry(mount, "embeddings", req, res, entry)),
  );
  router.get(
    "/models",
    entered((_req, res, entry) => models(mount, res, entry)),
  );
  router.all(["/chat/completions", "/embeddings"], only("POST"));
  router.all("/models", only("GET, HEAD"));
  return router;
}

async function models({ bus, log, requestTimeoutMs }: Mount, res: Response, entry: Entry): Promise<void> {
  try {
    const caller = await entry.admit();
    mayAsk(listModels.access, caller);
    const { requestId } = entry;
    const deadlineMs = Date.now() + requestTimeoutMs;
    const reply = await bus.forward(listModels, "{}", { requestId, deadlineMs, ...(caller && { caller }) });
    res.set("Cache-Control", "no-store").type("application/json").send(reply.json);
  } catch (error) {
    const fault = Fault.from(error);
    entry.onRefused(fault.code);
    if (fault.code === "internal") log.error({ err: fault.more.cause ?? fault }, fault.message);
    refuse(res, fault, { isAnonymous: res.req.headers.authorization === undefined });
  }
}

function only(methods: string): RequestHandler {
  return (req, res) => {
    res.locals.route = `${PROXY_PREFIX}${req.path}`;
    res.set("Allow", methods);
    throw new Fault("method_not_allowed", `this address takes ${methods}, not ${req.method}`);
  };
}
