/** The gateway's settings. */
import {
  commonSettings,
  DEVELOPMENT,
  metricsSettings,
  readConfig,
  setting,
  WholeNumber,
  type Config,
} from "@tollbooth/shared/config";
import { z } from "zod";

const Origins = z
  .string()
  .transform((text) => text.split(",").map((origin) => origin.trim()))
  .refine((origins) => origins.every(isOrigin), "origins such as https://app.example.com, separated by commas")
  .default([]);

/** The table of all settings; `GATEWAY_HOST` is the loopback, so that nothing is open to others unless somebody says so. */
export const settings = {
  ...commonSettings,
  ...metricsSettings("GATEWAY"),
  GATEWAY_PORT: setting("port of the REST API", WholeNumber(0, 65_535, 8084)),
  GATEWAY_HOST: setting("address it listens on; 0.0.0.0 in containers", z.string().min(1).default("127.0.0.1")),
  AUTH_JWT_SECRET: setting(
    "secret of HS256 tokens; this or AUTH_JWKS_URL",
    z.string().min(32, "at least 32 characters").optional(),
  ),
  AUTH_JWKS_URL: setting(
    "address of the public keys of RS256, PS256, ES256 or EdDSA tokens; this or AUTH_JWT_SECRET",
    z.url({ protocol: /^https?$/, error: "an http(s):// address" }).optional(),
  ),
  AUTH_ISSUER: setting("`iss` that tokens must have", z.string().min(1).default("tollbooth")),
  AUTH_AUDIENCE: setting("`aud` that tokens must have", z.string().min(1).default("tollbooth")),
  CORS_ORIGINS: setting("origins whose pages may call the API, separated by commas; none by default", Origins),
  REQUEST_TIMEOUT_MS: setting("how long a request may wait for its service", WholeNumber(100, 120_000, 10_000)),
  REQUESTS_IN_HAND_MAX: setting(
    "requests that may wait for one service at a time; one more is refused at once",
    WholeNumber(1, 100_000, 300),
  ),
  RATE_LIMIT_WINDOW_S: setting("seconds over which requests are counted", WholeNumber(1, 3_600, 10)),
  RATE_LIMIT_USER: setting("requests of one user in that time", WholeNumber(1, 999_999_999, 1_000)),
  RATE_LIMIT_ADDRESS: setting("requests from one address in that time", WholeNumber(1, 999_999_999, 20_000)),
  RATE_LIMIT_GUESSES: setting(
    "coupon codes of one user that do not exist, in a minute",
    WholeNumber(1, 999_999_999, 10),
  ),
  TRUST_PROXY: setting("proxies in front of the gateway, whose X-Forwarded-For is believed", WholeNumber(0, 10, 0)),
  NODE_ENV: setting("`production` refuses secrets of development", z.string().optional()),
};

export type GatewayConfig = Config<typeof settings>;

/** Reads the settings. Throws one Error that says what is missing or wrong. */
export function readGatewayConfig(env: NodeJS.ProcessEnv): GatewayConfig {
  const config = readConfig(settings, env);
  const { AUTH_JWT_SECRET: secret, AUTH_JWKS_URL: jwks } = config;
  if ((secret === undefined) === (jwks === undefined)) {
    throw new Error("settings are missing or wrong:\n  exactly one of AUTH_JWT_SECRET and AUTH_JWKS_URL must be set");
  }
  if (config.NODE_ENV === "production" && secret?.startsWith(DEVELOPMENT)) {
    throw new Error(
      `settings are missing or wrong:\n  AUTH_JWT_SECRET is a development secret (it begins "${DEVELOPMENT}") and NODE_ENV is production`,
    );
  }
  return config;
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}
