import { expect, test } from "vitest";
import { readGatewayConfig } from "./config.ts";

const SECRET = "dev-secret-of-at-least-32-characters";
const told = (env: NodeJS.ProcessEnv) => () => readGatewayConfig(env);

test("with a secret alone, everything else has a value, and nobody from outside gets in", () => {
  expect(readGatewayConfig({ AUTH_JWT_SECRET: SECRET })).toMatchObject({
    GATEWAY_PORT: 8084,
    GATEWAY_HOST: "127.0.0.1",
    AUTH_ISSUER: "tollbooth",
    AUTH_AUDIENCE: "tollbooth",
    CORS_ORIGINS: [],
    RATE_LIMIT_USER: 1_000,
    RATE_LIMIT_ADDRESS: 20_000,
    RATE_LIMIT_WINDOW_S: 10,
    TRUST_PROXY: 0,
  });
});

// prettier-ignore
test.each([
  ["neither secret nor keys",           {},                                                              /exactly one of AUTH_JWT_SECRET and AUTH_JWKS_URL/],
  ["both secret and keys",              { AUTH_JWT_SECRET: SECRET, AUTH_JWKS_URL: "https://id.test/k" }, /exactly one of AUTH_JWT_SECRET and AUTH_JWKS_URL/],
  ["a short secret",                    { AUTH_JWT_SECRET: "x".repeat(31) },                             /AUTH_JWT_SECRET.*at least 32 characters/],
  ["a development secret in production", { AUTH_JWT_SECRET: SECRET, NODE_ENV: "production" },            /development secret/],
  ["keys from a file",                  { AUTH_JWKS_URL: "file:///etc/keys" },                           /AUTH_JWKS_URL.*http/],
  ["any origin",                        { AUTH_JWT_SECRET: SECRET, CORS_ORIGINS: "*" },                  /CORS_ORIGINS.*origins such as/],
  ["an origin with a path",             { AUTH_JWT_SECRET: SECRET, CORS_ORIGINS: "https://a.test/x" },   /CORS_ORIGINS/],
  ["a port that is none",               { AUTH_JWT_SECRET: SECRET, GATEWAY_PORT: "99999" },              /GATEWAY_PORT.*from 0 to 65535/],
])("%s is refused", (_, env, message) => {
  expect(told(env)).toThrow(message);
});

test("a bad set is told whole, and never the secret", () => {
  const env = { AUTH_JWT_SECRET: "short", GATEWAY_PORT: "x", TRUST_PROXY: "yes" };
  expect(told(env)).toThrow(/AUTH_JWT_SECRET[^]*TRUST_PROXY/);
  expect(told(env)).not.toThrow(/"short"/);
});

test("a production platform takes a secret of its own, and origins", () => {
  const env = {
    AUTH_JWT_SECRET: "p".repeat(32),
    NODE_ENV: "production",
    CORS_ORIGINS: "https://a.test, http://b.test:3000",
  };
  expect(readGatewayConfig(env).CORS_ORIGINS).toEqual(["https://a.test", "http://b.test:3000"]);
});
