/** The users of the demo: what they start with, what they use and how often. */
import type { Offer } from "./coupons.ts";
import type { Weighted } from "./dice.ts";
import {
  agent,
  chat,
  embedding,
  listening,
  LLM_PROXY,
  MANAGED_KEY,
  OWN_KEY,
  OWN_PROGRAM,
  ranking,
  searching,
  speaking,
  type Model,
  type Use,
  type Way,
} from "./uses.ts";

export interface Person {
  readonly name: string;
  /** His part of the traffic, in relation to the others. */
  readonly weight: number;
  /** Credits an administrator allocates before the traffic, beside what the tier grants. */
  readonly buys?: string;
  /** Credits that are given to him. */
  readonly bonus?: string;
  /** The type of the coupon that he has. */
  readonly coupon?: Offer;
  /** Credits he buys afterwards where he owes something. */
  readonly topsUp?: string;
  readonly uses: Weighted<Use>;
}

const FREE = "deepseek/deepseek-chat-v3-0324:free";
const FREE_TOO = "meta-llama/llama-3.3-70b-instruct:free";
const MINI = "openai/gpt-4o-mini";
const LLAMA = "meta-llama/llama-3.3-70b-instruct";
const R1 = "deepseek/deepseek-r1";
const FLASH = "google/gemini-2.5-flash";
const GPT = "openai/gpt-4.1";
const PRO = "google/gemini-2.5-pro";
const SONNET = "anthropic/claude-sonnet-4";
const OPUS = "anthropic/claude-opus-4";
const O1 = "openai/o1";
const O1_PRO = "openai/o1-pro";

// prettier-ignore
export const PEOPLE: readonly Person[] = [
  { name: "ada",    weight: 5, buys: "20",        uses: [...chats(LLM_PROXY, MINI, GPT, SONNET), [embedding, 1]] },
  { name: "ben",    weight: 5,coupon: "free_month",        uses: chats(LLM_PROXY, MINI, LLAMA, FLASH) },
  { name: "cleo",   weight: 3, topsUp: "40",      uses: chats(LLM_PROXY, O1_PRO, O1) },
  { name: "dan",    weight: 4, bonus: "2.5",      uses: [...chats(OWN_PROGRAM, FREE, MINI), [speaking, 1]] },
  { name: "eve",    weight: 4,coupon: "credit_bonus",      uses: chats(OWN_PROGRAM, FREE, FREE_TOO) },
  { name: "finn",   weight: 4, buys: "15.75",     uses: [...chats(LLM_PROXY, GPT, PRO), [agent, 2]] },
  { name: "gia",    weight: 4, buys: "500",       uses: [...proxied(OWN_KEY, SONNET, OPUS), ...proxied(MANAGED_KEY, GPT), [ranking, 1]] },
  { name: "hugo",   weight: 4, buys: "100",       uses: [...chats(LLM_PROXY, OPUS, SONNET), [agent, 1]] },
  { name: "iris",   weight: 5, bonus: "1",        uses: [...chats(LLM_PROXY, FLASH, R1), [listening, 2], [speaking, 2]] },
  { name: "jon",    weight: 4,                    uses: [...chats(OWN_PROGRAM, MINI, R1), [searching, 3], [ranking, 2]] },
  { name: "kim",    weight: 4, topsUp: "25",      uses: chats(LLM_PROXY, OPUS, O1) },
  { name: "leo",    weight: 6, buys: "7.000001",  uses: [...chats(LLM_PROXY, MINI, FLASH), [embedding, 4]] },
  { name: "mia",    weight: 4,coupon: "percentage_discount", uses: [...chats(LLM_PROXY, LLAMA, FREE_TOO), [embedding, 2]] },
  { name: "noah",   weight: 3, bonus: "0.5",      uses: chats(LLM_PROXY, O1_PRO, OPUS) },
  { name: "olga",   weight: 4, buys: "30",        uses: [...chats(OWN_PROGRAM, GPT, SONNET), [searching, 2]] },
  { name: "paul",   weight: 5,                    uses: [...chats(LLM_PROXY, R1, FLASH, PRO), [agent, 1]] },
  { name: "quinn",  weight: 4,                    uses: [...proxied(OWN_KEY, GPT, O1), ...chats(LLM_PROXY, FREE)] },
  { name: "rosa",   weight: 5, buys: "500",       uses: [...proxied(MANAGED_KEY, MINI, SONNET), [listening, 3]] },
  { name: "sam",    weight: 4,coupon: "fixed_discount",    uses: [...chats(OWN_PROGRAM, LLAMA, MINI, FREE), [ranking, 1]] },
  { name: "tess",   weight: 4, topsUp: "3",       uses: [...chats(LLM_PROXY, O1), [agent, 4]] },
  { name: "uma",    weight: 5, bonus: "10",       uses: [...chats(LLM_PROXY, SONNET, PRO), [speaking, 1]] },
  { name: "viktor", weight: 4, buys: "0.000001",  uses: [...chats(OWN_PROGRAM, FLASH, GPT), [embedding, 2]] },
  { name: "wen",    weight: 6,coupon: "credit_bonus",      uses: [...chats(LLM_PROXY, MINI, LLAMA, R1), [searching, 1]] },
  { name: "zoe",    weight: 4, buys: "50", bonus: "5", uses: [...chats(LLM_PROXY, PRO, OPUS), [agent, 1], [ranking, 1]] },
];

function chats(way: Way, ...models: Model[]): Weighted<Use> {
  // The first is the favourite.
  return models.map((model, i) => [chat(model, way), models.length - i + 1]);
}

function proxied(way: Way, ...models: Model[]): Weighted<Use> {
  return models.map((model) => [chat(model, way), 2]);
}
