/** The routes of users' own OpenRouter keys, told like the others in stories.ts. */
import * as openrouter from "@tollbooth/shared/contracts/openrouter";
import { priceHistory } from "@tollbooth/shared/contracts/prices";
import { NO_BODY, WHO, type Story } from "./story.ts";

/** Keys that the fake OpenRouter takes. */
const KEYS = ["sk-or-v1-0123456789abcdef", "sk-or-v1-fedcba9876543210"] as const;

/** Every route of users' own keys. */
export const openRouterStories: readonly Story[] = [
  {
    route: "POST /openrouter/create-account",
    command: openrouter.createOpenRouterAccount,
    owner: "openrouter",
    ...WHO.read,
    // A write: it connects whomever an admin names.
    admin: [200, 200, 200],
    inputs: [{ api_key: KEYS[0] }, { api_key: KEYS[1], email: "somebody@example.com" }],
    bodyMaxBytes: 100_000,
    takesMetadata: false,
    refusals: {},
  },
  {
    route: "GET /openrouter/account",
    command: openrouter.getOpenRouterAccount,
    owner: "openrouter",
    ...WHO.read,
    // Who has no connection is answered null, whoever he is.
    admin: [200, 200, 200],
    inputs: [{}, {}],
    ...NO_BODY,
    refusals: {},
  },
  {
    route: "POST /openrouter/sync-balance",
    command: openrouter.syncOpenRouterAccount,
    owner: "openrouter",
    ...WHO.read,
    inputs: [{}, {}],
    bodyMaxBytes: 100_000,
    takesMetadata: false,
    ofAThing: true,
    refusals: {},
  },
  {
    route: "DELETE /openrouter/account",
    command: openrouter.deleteOpenRouterAccount,
    owner: "openrouter",
    ...WHO.read,
    inputs: [{}, {}],
    ...NO_BODY,
    ofAThing: true,
    refusals: {},
  },
  {
    route: "GET /openrouter/settings",
    command: openrouter.getOpenRouterSettings,
    owner: "openrouter",
    ...WHO.read,
    // Who has set nothing has it as preset, whoever he is.
    admin: [200, 200, 200],
    inputs: [{}, {}],
    ...NO_BODY,
    refusals: {},
  },
  {
    route: "POST /models/sync",
    command: openrouter.syncModels,
    owner: "openrouter",
    ...WHO.admins,
    inputs: [{}, {}],
    bodyMaxBytes: 100_000,
    takesMetadata: false,
    ofAThing: true,
    refusals: {},
  },
  {
    route: "GET /models/{model}/prices",
    command: priceHistory,
    owner: "usage",
    ...WHO.signedIn,
    inputs: [{}, {}],
    ...NO_BODY,
    ofAThing: true,
    refusals: {},
  },
  {
    route: "POST /openrouter/settings",
    command: openrouter.setOpenRouterSettings,
    owner: "openrouter",
    ...WHO.read,
    admin: [200, 200, 200],
    inputs: [{ auto_clamp: true }, { fallback_to_credits: true }],
    bodyMaxBytes: 100_000,
    takesMetadata: false,
    refusals: {},
  },
];
