import { expect, test } from "vitest";
import { dueStep, type State } from "./states.ts";

// prettier-ignore
test.each<{ state: State; generation: string | null; attempts: number; step: string | undefined; because: string }>([
  { state: "reserving", generation: null,    attempts: 0,   step: "give back", because: "it was never sent" },
  { state: "refused",   generation: null,    attempts: 50,  step: "give back", because: "nothing was done, however long credits are away" },
  { state: "sent",      generation: "gen-1", attempts: 0,   step: "look up",   because: "nobody knows what became of it" },
  { state: "sent",      generation: "gen-1", attempts: 9,   step: "look up",   because: "bills come late" },
  { state: "sent",      generation: "gen-1", attempts: 10,  step: "lose",      because: "some never come" },
  { state: "sent",      generation: null,    attempts: 0,   step: "lose",      because: "there is no name to ask by" },
  { state: "answered",  generation: "gen-1", attempts: 99,  step: "tell",      because: "usage must have it" },
  { state: "recorded",  generation: "gen-1", attempts: 0,   step: undefined,   because: "it is at its end" },
  { state: "lost",      generation: null,    attempts: 0,   step: undefined,   because: "it is at its end" },
])("a request that is $state goes on with: $step, because $because", ({ state, generation, attempts, step }) => {
  expect(dueStep({ state, generationId: generation, attempts })).toBe(step);
});
