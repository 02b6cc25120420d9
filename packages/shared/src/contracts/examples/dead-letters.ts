/** Examples of what an operator asks about messages that could not be applied. */
import * as letters from "../dead-letters.ts";
import { asked, NOW, type Examples } from "./example.ts";

const LETTER = {
  id: "7",
  stream: "USAGE_REPORTS",
  seq: "4711",
  subject: "usage.report.chat",
  headers: {},
  reason: "no price is known for openrouter acme/none",
  body: '{"user_id":"alice","event_id":"chat-9","service":"openrouter","model":"acme/none","tokens":10}',
  at: NOW,
};
const PUT_AWAY = { ids: ["7"], by: "ann", reason: "a test of the reporter's" };
const CHARGE = { ...LETTER, stream: "USAGE", subject: "usage.tracked", reason: "it cannot be read", body: "{" };

export const deadLettersExamples: Examples = {
  ...asked(letters.listDeadLetters, { limit: 10 }, [LETTER]),
  ...asked(letters.redriveDeadLetters, { ids: ["7"] }, [{ id: "7", status: "recorded" }]),
  ...asked(letters.discardDeadLetters, PUT_AWAY, [{ id: "7", status: "discarded" }]),
  ...asked(letters.listDeadCharges, { limit: 10 }, [CHARGE]),
  ...asked(letters.redriveDeadCharges, { ids: ["7"] }, [{ id: "7", status: "refused", detail: "it cannot be read" }]),
  ...asked(letters.discardDeadCharges, PUT_AWAY, [{ id: "7", status: "unknown" }]),
};
