/** Users with OpenRouter keys of their own: connected over REST, and their chats sent with them over NATS. */
import type { Bus } from "@tollbooth/shared/bus";
import { createOpenRouterAccount, routeChat } from "@tollbooth/shared/contracts/openrouter";
import { Fault } from "@tollbooth/shared/fault";
import { inLanes } from "./lanes.ts";
import type { PlannedEvent } from "./plan.ts";
import type { Scene } from "./scene.ts";

const LANES = 8;
const PATIENCE_MS = 30_000;
const CHARACTERS_A_TOKEN = 4;
/** The service that its users chat with. */
const CHAT_SERVICE = { sub: "demo-chat", roles: ["service"] } as const;

/** Connects everybody whose key is needed; answers how many. */
export async function connectAll(planned: readonly PlannedEvent[], { rest, tokenOf }: Scene): Promise<number> {
  const owners = [...new Set(planned.filter(({ way }) => way.by === "own key").map(({ userId }) => userId))];
  await inLanes(LANES, owners, async (userId) => {
    const asked = { token: await tokenOf(userId, "user"), key: `${userId}-connect` };
    await rest.ask(createOpenRouterAccount, { api_key: `sk-or-v1-demo-${userId}` }, asked);
  });
  return owners.length;
}

/** A chat of as many tokens as planned. Sent twice at once it has to be done once. */
export async function chatOnce({ userId, eventId, told, isTwice }: PlannedEvent, bus: Bus): Promise<void> {
  const content = "word ".repeat(told.input_tokens ?? 0).slice(0, CHARACTERS_A_TOKEN * (told.input_tokens ?? 0));
  const chat = { model: told.model ?? "", messages: [{ role: "user", content }], max_tokens: told.output_tokens };
  const send = () =>
    bus
      .ask(
        routeChat,
        { user_id: userId, request_id: eventId, chat },
        { caller: CHAT_SERVICE, deadlineMs: Date.now() + PATIENCE_MS },
      )
      .then(
        () => 1,
        (error: unknown) => {
          if (Fault.from(error).code === "idempotency_conflict") return 0;
          throw error;
        },
      );
  const answers = await Promise.all(isTwice ? [send(), send()] : [send()]);
  const done = answers.filter((answer) => answer === 1).length;
  if (done !== 1) throw new Error(`the chat ${eventId} was done ${done} times`);
}
