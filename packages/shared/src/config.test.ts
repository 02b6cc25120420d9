import { expect, test } from "vitest";
import { commonSettings, databaseSettings, readConfig, requireOwnPassword } from "./config.ts";

const settings = { ...commonSettings, ...databaseSettings("CREDITS") };

test("a bad environment is told whole, every name at once, without its values", () => {
  const env = { CREDITS_DATABASE_POOL_MAX: "many", LOG_LEVEL: "loud", CREDITS_DATABASE_URL: "mysql://user:hunter2@db" };
  const read = () => readConfig(settings, env);
  expect(read).toThrow(/CREDITS_DATABASE_URL[\s\S]*|LOG_LEVEL/);
  for (const name of Object.keys(env)) expect(read).toThrow(new RegExp(name));
  expect(read).not.toThrow(/hunter2/);
});

test("an empty value is as good as none", () => {
  const config = readConfig(settings, { CREDITS_DATABASE_URL: "postgres://localhost/credits", LOG_LEVEL: "" });
  expect([config.LOG_LEVEL, config.CREDITS_DATABASE_POOL_MAX]).toEqual(["info", 10]);
});

test("a production platform takes no database password that everybody knows, and tells none", () => {
  const check = (password: string, NODE_ENV?: string) => () =>
    requireOwnPassword("CREDITS_DATABASE_URL", `postgres://tollbooth_credits:${password}@postgres/tollbooth_credits`, {
      NODE_ENV,
    });
  expect(check("dev-credits", "production")).toThrow(/CREDITS_DATABASE_URL has a password of development/);
  expect(check("dev-credits", "production")).not.toThrow(/dev-credits/);
  for (const accept of [check("own", "production"), check("dev-credits", "development"), check("dev-credits")])
    expect(accept).not.toThrow();
});
