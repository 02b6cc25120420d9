/** Where the proxy is: the addresses that OpenAI's clients know, below what they take as their base. */
import type { IncomingMessage } from "node:http";
import type { Caller } from "@tollbooth/shared/contract";
import { listModels } from "@tollbooth/shared/contracts/exchanges";
import { mayAsk } from "@tollbooth/shared/handler";
import { send, type Answer } from "./answer.ts";
import { pathOf } from "./input.ts";
import { nameRequest, tellNothing } from "./proxy-bill.ts";
import { answerFault, carry, type Proxy } from "./proxy.ts";
import { otherMethod, type Rest } from "./rest.ts";
import { Routes } from "./routes.ts";

export const PROXY_PREFIX = "/api/v1";

interface Mount extends Proxy, Pick<Rest, "refuse"> {}

/** Answers chats, embeddings and the list of models; of another address it answers false, and does nothing. */
export function proxyHandler(mount: Mount): (req: IncomingMessage, res: Answer) => boolean {
  const routes = new Routes<(req: IncomingMessage, res: Answer) => Promise<void>>();
  routes.add("POST", `${PROXY_PREFIX}/chat/completions`, (req, res) => carry(mount, "chat", req, res));
  routes.add("POST", `${PROXY_PREFIX}/embeddings`, (req, res) => carry(mount, "embeddings", req, res));
  routes.add("GET", `${PROXY_PREFIX}/models`, (req, res) => models(mount, req, res));

  return (req, res) => {
    const path = pathOf(req);
    const place = routes.at(path);
    if (place === undefined) return false;
    res.locals.route = place.path;
    nameRequest(res);
    const found = routes.find(req.method ?? "", path);
    if (found === undefined) mount.refuse(otherMethod(place.methods, req, res), res);
    else void found.value(req, res);
    return true;
  };
}

async function models(mount: Mount, req: IncomingMessage, res: Answer): Promise<void> {
  let caller: Caller | undefined;
  try {
    caller = await mount.admit(req, res);
    mayAsk(listModels.access, caller);
    const deadlineMs = Date.now() + mount.requestTimeoutMs;
    const ask = { requestId: res.locals.requestId, deadlineMs, ...(caller && { caller }) };
    const [reply] = await Promise.all([mount.bus.forward(listModels, "{}", ask), tellNothing(mount.bus, res, caller)]);
    send(res, 200, "application/json", reply.json);
  } catch (error) {
    await answerFault(mount, res, error, caller);
  }
}
