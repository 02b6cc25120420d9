/** What OpenRouter does while users chat: it refuses, is slow, breaks off, forgets, and takes keys no more. */
import type { Harm } from "./harms.ts";
import type { Mood } from "./provider.ts";

const BAD_MS = 4_000;

// prettier-ignore
const MISBEHAVIOURS: readonly { readonly mood: Mood; readonly name: string }[] = [
  { mood: "limited",         name: "OpenRouter answers 429" },
  { mood: "broke",           name: "OpenRouter answers 402" },
  { mood: "late",            name: "OpenRouter answers 524 and bills" },
  { mood: "leisurely",       name: "OpenRouter is slow" },
  { mood: "slow truncated",  name: "OpenRouter's streams break off" },
  { mood: "slow collapsing", name: "OpenRouter fails in the middle of streams" },
  { mood: "slow silent",     name: "OpenRouter does not say what was used" },
  { mood: "tardy truncated", name: "OpenRouter's streams break off, and their bills come late" },
];

export const MOODS: readonly Harm[] = [
  ...MISBEHAVIOURS.map(({ mood, name }): Harm => ({
    kind: "OpenRouter misbehaves",
    name: `${name} for ${BAD_MS / 1000} s`,
    on: "provider",
    to: ({ provider }) => provider.misbehave(mood, BAD_MS),
  })),
  {
    kind: "keys revoked",
    name: "OpenRouter no longer takes users' own keys",
    on: "provider",
    to: ({ provider }) => provider.revokeKeys(),
  },
];
