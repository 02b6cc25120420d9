/** Where the proxy is: the addresses that OpenAI's clients know, below what they take as their base. */
import type { IncomingMessage } from "node:http";
import { listModels } from "@tollbooth/shared/contracts/exchanges";
import { Fault } from "@tollbooth/shared/fault";
import { mayAsk } from "@tollbooth/shared/handler";
import { send, type Answer } from "./answer.ts";
import { pathOf } from "./input.ts";
import { refuse } from "./openai-errors.ts";
import { carry, type Entry, type Proxy } from "./proxy.ts";
import type { Rest } from "./rest.ts";
import { Routes } from "./routes.ts";

export const PROXY_PREFIX = "/api/v1";

interface Mount extends Proxy, Pick<Rest, "admit" | "refuse" | "requestTimeoutMs"> {}

type Work = (req: IncomingMessage, res: Answer, entry: Entry) => Promise<void>;

/** Answers chats, embeddings and the list of models; of another address it answers false, and does nothing. */
export function proxyHandler(mount: Mount): (req: IncomingMessage, res: Answer) => boolean {
  const routes = new Routes<Work>();
  routes.add("POST", `${PROXY_PREFIX}/chat/completions`, (req, res, entry) => carry(mount, "chat", req, res, entry));
  routes.add("POST", `${PROXY_PREFIX}/embeddings`, (req, res, entry) => carry(mount, "embeddings", req, res, entry));
  for (const method of ["GET", "HEAD"])
    routes.add(method, `${PROXY_PREFIX}/models`, (_req, res, entry) => models(mount, res, entry));

  return (req, res) => {
    const path = pathOf(req);
    const place = routes.at(path);
    if (place === undefined) return false;
    res.locals.route = place.path;
    const found = routes.find(req.method ?? "", path);
    if (found === undefined) {
      const allow = place.methods.join(", ");
      res.setHeader("Allow", allow);
      mount.refuse(new Fault("method_not_allowed", `this address takes ${allow}, not ${req.method}`), res);
      return true;
    }
    const entry: Entry = {
      requestId: res.locals.requestId,
      admit: () => mount.admit(req, res),
      onRefused: (code) => (res.locals.code = code),
    };
    void found.value(req, res, entry).catch((thrown: unknown) => mount.refuse(thrown, res));
    return true;
  };
}

async function models({ bus, log, requestTimeoutMs }: Mount, res: Answer, entry: Entry): Promise<void> {
  try {
    const caller = await entry.admit();
    mayAsk(listModels.access, caller);
    const { requestId } = entry;
    const deadlineMs = Date.now() + requestTimeoutMs;
    const reply = await bus.forward(listModels, "{}", { requestId, deadlineMs, ...(caller && { caller }) });
    send(res, 200, "application/json", reply.json);
  } catch (error) {
    const fault = Fault.from(error);
    entry.onRefused(fault.code);
    if (fault.code === "internal") log.error({ err: fault.more.cause ?? fault }, fault.message);
    refuse(res, fault, { isAnonymous: res.req.headers.authorization === undefined });
  }
}
