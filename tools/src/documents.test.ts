/** What is made from the contracts is up to date, and is what the linters of its formats say it should be. */
import { Parser } from "@asyncapi/parser";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import spectralCore, { type RulesetDefinition } from "@stoplight/spectral-core";
import owasp from "@stoplight/spectral-owasp-ruleset";
import { oas } from "@stoplight/spectral-rulesets";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./checkout.ts";
import { documents } from "./documents.ts";

const made = documents();
const OPENAPI = "docs/openapi.json";
const ASYNCAPI = "docs/asyncapi.yaml";
/** They take about 3 s, and more where others work too. */
const LINT_WITHIN_MS = 60_000;
const textOf = (path: string) => made[path] ?? "";

test.each(Object.keys(made))(
  "%s is what the contracts say; where they have changed, `npm run contracts` writes it anew",
  (path) => {
    expect(readFileSync(join(ROOT, path), "utf8") === textOf(path)).toBe(true);
  },
);

/** Addresses that are no routes of a contract. */
const OUTSIDE = /^paths\.\/(health|metrics|openapi\.json|docs|problems)/;
const OUTSIDE_OR_TIERS = new RegExp(`${OUTSIDE.source}|^paths\\.[^.]+/tiers/compare\\.`);

/** Rules that do not fit, and where. */
// prettier-ignore
const NOT_HERE: readonly { readonly rules: RegExp; readonly at: RegExp; readonly why: string }[] = [
  { rules: /string-limit|string-restricted|array-limit|integer-limit/, at: /^(?!.*(requestBody|parameters))/, why: "limits protect us from what is sent; what we answer is bounded by what we took" },
  { rules: /define-cors-origin/,        at: /^/,                   why: "which origins may call is a setting; by default none, and then there is no such header" },
  { rules: /info-contact/,              at: /^/,                   why: "who runs a platform is not in its code" },
  { rules: /read-restricted/,           at: OUTSIDE_OR_TIERS,      why: "for anybody, on purpose" },
  { rules: /error-responses-401|rate-limit|error-validation|operation-4xx/, at: OUTSIDE, why: "no token is read, nobody is counted, and there is nothing to refuse" },
  { rules: /asyncapi-latest-version/,   at: /^/,                   why: "3.0 is what today's tools read" },
];

/** What was found, one line each, without what does not fit. */
function told(
  found: readonly { readonly rule: string | number; readonly at: string; readonly message: string }[],
): string[] {
  const fits = ({ rule, at }: { rule: string | number; at: string }) =>
    !NOT_HERE.some(({ rules, at: where }) => rules.test(String(rule)) && where.test(at));
  return found.filter(fits).map(({ rule, at, message }) => `${rule} at ${at}: ${message}`);
}

test("openapi.json passes spectral with the rules of OWASP", { timeout: LINT_WITHIN_MS }, async () => {
  const spectral = new spectralCore.Spectral();
  spectral.setRuleset({ extends: [oas, owasp] } as unknown as RulesetDefinition);
  const found = await spectral.run(textOf(OPENAPI));
  expect(told(found.map(({ code, path, message }) => ({ rule: code, at: path.join("."), message })))).toEqual([]);
});

test("openapi.json passes redocly's lint", { timeout: LINT_WITHIN_MS }, async () => {
  const config = await createConfig({ extends: ["recommended"], rules: {} });
  const found = await lintFromString({ source: textOf(OPENAPI), absoluteRef: join(ROOT, OPENAPI), config });
  const at = (pointer = "") => pointer.replace("#/", "").replaceAll("/", ".").replaceAll("~1", "/");
  expect(
    told(found.map(({ ruleId, message, location }) => ({ rule: ruleId, at: at(location[0]?.pointer), message }))),
  ).toEqual([]);
});

test("asyncapi.yaml parses", { timeout: LINT_WITHIN_MS }, async () => {
  const { diagnostics, document } = await new Parser().parse(textOf(ASYNCAPI));
  expect(told(diagnostics.map(({ code, path, message }) => ({ rule: code, at: path.join("."), message })))).toEqual([]);
  expect(document?.version()).toBe("3.0.0");
});
