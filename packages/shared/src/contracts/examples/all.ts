/** Every example there is, by subject: the documents show them, and a test parses each by its contract. */
import { couponsExamples } from "./coupons.ts";
import { creditsExamples } from "./credits.ts";
import { deadLettersExamples } from "./dead-letters.ts";
import type { Examples } from "./example.ts";
import { openRouterExamples } from "./openrouter.ts";
import { usageExamples } from "./usage.ts";

export const examples: Examples = {
  ...creditsExamples,
  ...usageExamples,
  ...couponsExamples,
  ...openRouterExamples,
  ...deadLettersExamples,
};
