/** Chats as an OpenAI client sends them: through the proxy, which asks OpenRouter and sees by itself what they used. */
import type { PlannedEvent } from "./plan.ts";
import type { Stage } from "./play.ts";

const PATIENCE_MS = 30_000;
const CHARACTERS_A_TOKEN = 4;

/** A chat of as many tokens as planned, paid by the key that was planned. Sent twice at once it has to be done once. */
export async function chatOnce(
  { userId, eventId, told, way, isTwice }: PlannedEvent,
  { gatewayUrl, tokenOf }: Pick<Stage, "gatewayUrl" | "tokenOf">,
): Promise<void> {
  if (way.by !== "proxy") throw new Error(`the chat ${eventId} goes another way`);
  const { input_tokens: inputTokens = 0, output_tokens: outputTokens = 0, model } = told;
  const content = "word ".repeat(inputTokens).slice(0, CHARACTERS_A_TOKEN * inputTokens);
  // Half of them are streams.
  const stream = outputTokens % 2 === 0;
  const chat = { model, messages: [{ role: "user", content }], max_tokens: outputTokens, stream };
  const request = {
    method: "POST",
    headers: {
      Authorization: `Bearer ${await tokenOf(userId, "user")}`,
      "Content-Type": "application/json",
      "Idempotency-Key": eventId,
      "X-Tollbooth-Key": way.key,
    },
    body: JSON.stringify(chat),
  };
  const send = async () => {
    const answer = await fetch(`${gatewayUrl}/api/v1/chat/completions`, {
      ...request,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const text = await answer.text();
    if (answer.ok && text.includes(stream ? "data: [DONE]" : `"usage":`)) return 1;
    if (text.includes(`"code":"idempotency_conflict"`)) return 0;
    throw new Error(`the chat ${eventId} was answered ${answer.status} ${text.slice(-200)}`);
  };
  const done = await Promise.all(isTwice ? [send(), send()] : [send()]);
  const times = done.filter((answer) => answer === 1).length;
  if (times !== 1) throw new Error(`the chat ${eventId} was done ${times} times`);
}
