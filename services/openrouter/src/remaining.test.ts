import { expect, test } from "vitest";
import { decimal } from "@tollbooth/shared/money";
import { remainingOf } from "./remaining.ts";

const facts = (left: string | null, isManagementKey = false) => ({
  limitRemaining: left === null ? null : decimal(left),
  isManagementKey,
  creatorUserId: null,
});
const credits = (bought: string, used: string) => ({ totalCredits: decimal(bought), totalUsage: decimal(used) });

// prettier-ignore
test.each([
  { name: "is what its limit leaves",                key: facts("74.5"),                 credits: undefined,              left: "74.5" },
  { name: "is zero where the limit is used up",      key: facts("0"),                    credits: undefined,              left: "0" },
  { name: "is below zero where it was overdrawn",    key: facts("-0.25"),                credits: undefined,              left: "-0.25" },
  { name: "is not known without a limit",            key: facts(null),                   credits: undefined,              left: undefined },
  { name: "is the account's for a management key",   key: facts(null, true),             credits: credits("100", "25.75"), left: "74.25" },
  { name: "keeps 12 places",                         key: facts("1.0000000000005000001"), credits: undefined,             left: "1.000000000001" },
  { name: "is not known where no row could hold it", key: facts("1e15"),                 credits: undefined,              left: undefined },
])("what a key may still spend $name", ({ key, credits: told, left }) => {
  expect(remainingOf(key, told)?.toFixed()).toBe(left);
});
