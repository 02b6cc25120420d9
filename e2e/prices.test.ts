import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, inject, test } from "vitest";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { testFolder } from "@tollbooth/shared/testing/find";
import { Person, somebody } from "./harness/person.ts";
import { tool } from "./harness/tool.ts";

const { folder: home } = inject("platform");
const { folder: lists, remove } = await testFolder("prices");
afterAll(remove);

interface Row {
  readonly model: string | null;
  readonly source: string;
  readonly valid_from: string | null;
  readonly rates: readonly { unit: string; price: string }[];
}

async function asked<T>(...args: string[]): Promise<T> {
  const { out } = await tool(home, "prices", ...args, "--json");
  return JSON.parse(out) as T;
}

async function sentence(...args: string[]): Promise<string> {
  const { code, out, err } = await tool(home, "prices", ...args);
  return `${code} ${out}${err}`;
}

test("a price that is set is shown, is in the history, and is what the next use costs", async () => {
  const model = somebody("model");
  expect(await sentence("show", "lab", model)).toBe(`1 no price is known for lab ${model}\n`);
  const set = await tool(home, "prices", "set", "lab", model, "--rate", "input_token=0.001", "output_token=0.002");
  expect(set.code).toBe(0);
  for (const word of [model, "always", "admin", "input_token", "0.001", "output_token", "0.002"])
    expect(set.out).toContain(word);
  const changed = await asked<Row>("set", "lab", model, "--rate", "input_token=0.003", "--class", "premium");
  expect(changed).toMatchObject({ model, class: "premium", rates: [{ unit: "input_token", price: "0.003" }] });

  expect(await asked<Row>("show", "lab", model)).toEqual(changed);
  const before = await asked<Row>("show", "lab", model, "--at", "2026-01-31T12:00:00Z");
  expect(before.rates[0]).toEqual({ unit: "input_token", price: "0.001" });
  expect(await asked<Row[]>("history", "lab", model)).toEqual([changed, before]);
  const told = await tool(home, "prices", "history", "lab", model);
  for (const { valid_from } of [changed, before]) expect(told.out).toContain(valid_from ?? "always");

  const someone = await Person.of(somebody());
  const used = await someone.ok(trackUsage, { service: "lab", model, input_tokens: 100 });
  expect(used.provider_cost).toBe("0.300000000000");
});

test("a list is taken over; what is bad in it is refused by itself, with its place", async () => {
  const service = somebody("service");
  const rates = (price: string) => [{ unit: "input_token", price }];
  const good = Array.from({ length: 250 }, (_, i) => ({ model: `m${i}`, rates: rates("0.01") }));
  const file = join(lists, "list.json");
  const write = (prices: object[]) => writeFile(file, JSON.stringify({ service, source: "my list", prices }));

  await write(good);
  expect(await sentence("import", file)).toBe("0 250 changed, 0 unchanged, 0 in quarantine, 0 refused.\n");
  await write([...good.slice(0, 210), { model: "bad", rates: rates("1e3") }, { model: "m0", rates: rates("0.02") }]);
  const { code, out } = await tool(home, "prices", "import", file);
  expect([code, out]).toEqual([
    1,
    expect.stringMatching(
      /^1 changed, 210 unchanged, 0 in quarantine, 1 refused\.\n {2}prices\[210\]: .*a price is a decimal string/,
    ),
  ]);
  expect(await asked<Row>("show", service, "m0")).toMatchObject({ source: "my list", rates: rates("0.02") });
  expect(await asked("import", file)).toMatchObject({ refused: [{ index: 210 }] });
});

test("a price that rises more than tenfold, or is negative, waits until an operator accepts it", async () => {
  const service = somebody("service");
  const file = join(lists, "doubtful.json");
  const list = (...prices: [model: string, price: string][]) =>
    writeFile(
      file,
      JSON.stringify({
        service,
        source: "my list",
        prices: prices.map(([model, price]) => ({ model, rates: [{ unit: "input_token", price }] })),
      }),
    );
  const waiting = async () =>
    (await asked<Waiting[]>("quarantine")).filter((each) => each.service === service).map(({ reason }) => reason);

  await list(["one", "0.01"], ["two", "0.01"]);
  await asked("import", file);
  await list(["one", "0.2"], ["two", "0.1"], ["three", "-2"]);
  expect(await sentence("import", file)).toBe("0 1 changed, 0 unchanged, 2 in quarantine, 0 refused.\n");
  expect(await waiting()).toEqual(["input_token is -2", "input_token would rise from 0.01 to 0.2"]);
  expect((await tool(home, "prices", "quarantine")).out).toContain("input_token would rise from 0.01 to 0.2");
  expect(await asked<Row>("show", service, "one")).toMatchObject({ rates: [{ price: "0.01" }] });

  expect(await asked<Row>("accept", service, "one")).toMatchObject({ source: "my list", rates: [{ price: "0.2" }] });
  expect(await asked<Row[]>("history", service, "one")).toHaveLength(2);
  expect(await sentence("accept", service, "three")).toContain("a price is a decimal string");
  await list(["three", "0.3"]);
  await asked("import", file);
  expect(await waiting()).toEqual([]);
  expect(await sentence("accept", service, "three")).toBe(`1 no price of ${service} three waits\n`);
});

interface Waiting {
  readonly service: string;
  readonly reason: string;
}

test("what cannot be is told in one sentence", async () => {
  const [words, object, nowhere] = [join(lists, "words.json"), join(lists, "object.json"), join(lists, "nowhere")];
  await Promise.all([writeFile(words, "words"), writeFile(object, "{}")]);
  // At the same time: each is a program that has to load first.
  expect(
    await Promise.all([
      sentence("import", words),
      sentence("import", object),
      sentence("import", nowhere),
      sentence("set", "lab", "m"),
      sentence("set", "lab", "m", "--rate", "input=1"),
      sentence("set", "lab", "m", "--rate", "input_token=-1"),
      sentence("show", "lab", "m", "--at", "yesterday"),
      sentence("--help"),
    ]),
  ).toEqual([
    `1 ${words} is not JSON.\n`,
    `1 ${object} has no array "prices": npm run prices -- --help shows a list.\n`,
    `1 ${nowhere} cannot be read.\n`,
    expect.stringContaining("required option '--rate <unit=price...>' not specified"),
    expect.stringContaining("A rate is a unit and its price: input_token,"),
    expect.stringContaining("a price is a decimal string"),
    expect.stringContaining("a time is RFC 3339"),
    expect.stringMatching(/^0 .*show.*history.*set.*import.*input_token/s),
  ]);
});
