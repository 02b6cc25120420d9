/** `npm run token`: a token for the platform of this checkout. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { Role } from "@tollbooth/shared/contract";
import { HOME } from "./checkout.ts";
import { signingOf, signToken } from "./jwt.ts";
import { readKept } from "./kept.ts";

interface Options {
  readonly user: string;
  readonly role: readonly Role[];
  readonly ttl: number;
  readonly json?: true;
}

const UNIT_S = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

const command: Command = new Command("npm run -s token --")
  .description("Prints a token that the gateway of this checkout takes, and nothing else.")
  .option("--user <sub>", "whose token it is", "alice")
  .addOption(
    new Option("--role <role...>", "what the user may be").choices(["user", "service", "admin"]).default(["user"]),
  )
  .option("--ttl <time>", "how long it is good, such as 30m, 8h or 7d", seconds, 24 * UNIT_S.h)
  .option("--json", "for programs: an object with the token, whose it is, and until when it is good")
  .parse();

const { user, role, ttl, json } = command.opts<Options>();
const kept = await readKept(HOME);
const signing = signingOf({ AUTH_JWT_SECRET: kept?.jwtSecret, ...process.env });
if (signing === undefined) command.error("There is no secret yet: run npm start once, or set AUTH_JWT_SECRET.");
const expires = new Date(Date.now() + ttl * 1000).toISOString();
const token = await signToken(signing, user, role, ttl);
console.log(json ? JSON.stringify({ token, sub: user, roles: role, expires_at: expires }, undefined, 2) : token);

function seconds(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError("It is a number and one of s, m, h and d.");
  return Number(count) * UNIT_S[unit as keyof typeof UNIT_S];
}
