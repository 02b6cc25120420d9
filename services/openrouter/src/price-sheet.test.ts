import { existsSync, readFileSync } from "node:fs";
import { parse } from "lossless-json";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { PriceSheet } from "@tollbooth/shared/contracts/prices";
import { FAKE_MODELS } from "./fake-models.ts";
import { sheetsOf } from "./price-sheet.ts";

const textual = (value: unknown) => parse(JSON.stringify(value), undefined, (number) => number);
const sheets = sheetsOf(z.array(z.unknown()).parse(textual(FAKE_MODELS)));
const sheetOf = (model: string) => sheets.find((sheet) => sheet.model === model);

describe("a price list", () => {
  test("keeps every digit", () => {
    expect(sheetOf("fake/precise")?.rates).toEqual([
      { unit: "input_token", price: "0.0000001234567890123456" },
      { unit: "output_token", price: "0.0000009876543210987654" },
    ]);
  });

  test("has no price of a model whose price varies", () => {
    expect(sheetOf("openrouter/auto")).toBeUndefined();
  });

  test("says what else costs, and what is not text: both are not free", () => {
    expect(sheetOf("fake/gift")).toMatchObject({ text_only: true });
    expect(sheetOf("fake/music")).toMatchObject({ text_only: false });
    expect(sheetOf("fake/searcher")?.rates).toContainEqual({ unit: "query", price: "0.0025" });
  });

  test("knows long prompts and hours of the day, over midnight too", () => {
    expect(sheetOf("fake/long")?.rates).toContainEqual({
      unit: "output_token",
      price: "0.000006",
      above_tokens: 200_000,
    });
    const night = { unit: "input_token", price: "0.0000005", utc_from: "22:30", utc_to: "01:00" };
    expect(sheetOf("fake/nocturnal")?.rates).toContainEqual(night);
  });

  // prettier-ignore
  test.each([
    { name: "what is no model",        model: "nonsense" },
    { name: "a model without prices",  model: { id: "a/b", pricing: {} } },
    { name: "prices of nothing we know", model: { id: "a/b", pricing: { vibes: "1" } } },
    { name: "a price below zero in an override", model: { id: "a/b", pricing: { prompt: "1", overrides: [{ min_prompt_tokens: "9", prompt: "-1" }] } } },
  ])("leaves out $name, and nothing else", ({ model }) => {
    expect(sheetsOf([model, { id: "c/d", pricing: { prompt: "1" } }]).map((sheet) => sheet.model)).toEqual(["c/d"]);
  });
});

const FILE = new URL("../../../../shared/data/openrouter-models.json", import.meta.url);
if (!existsSync(FILE))
  console.log("OpenRouter's list: skipped, there is no shared/data/openrouter-models.json beside this checkout");

test.skipIf(!existsSync(FILE))("of OpenRouter's own list every model is taken that has a price", () => {
  const { data } = z
    .object({ data: z.array(z.object({ id: z.string() }).loose()) })
    .parse(parse(readFileSync(FILE, "utf8"), undefined, (number) => number));
  const taken = sheetsOf(data);
  const left = data.map(({ id }) => id).filter((id) => !taken.some(({ model }) => model === id));
  expect(left.every((id) => id.startsWith("openrouter/"))).toBe(true);
  expect(taken.length).toBe(data.length - left.length);
  const unreadable = taken.filter((sheet) => !PriceSheet.safeParse(sheet).success).map(({ model }) => model);
  expect(unreadable).toEqual([]);
});
