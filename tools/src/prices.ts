/** `npm run prices`: what models cost, shown, set, and taken over from a list. */
import { readFile } from "node:fs/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import type { z } from "zod";
import type { Bus } from "@tollbooth/shared/bus";
import type { Command as Contract } from "@tollbooth/shared/contract";
import {
  acceptPrice,
  getPrice,
  importPrices,
  listQuarantine,
  MARKUP_CLASSES,
  PRICED_UNITS,
  priceHistory,
  setPrice,
} from "@tollbooth/shared/contracts/prices";
import { withBus } from "./asking.ts";
import { pricesTable, quarantineTable, type Row, type Waiting } from "./price-table.ts";

interface Set {
  readonly rate: readonly z.input<typeof setPrice.input>["rates"][number][];
  readonly class?: (typeof MARKUP_CLASSES)[number];
  readonly textOnly?: true;
  readonly json?: true;
}

/** So many prices fit into one message, however many rates each has. */
const PAGE = 200;
const CALLER = { sub: "prices", roles: ["admin"] } as const;
const JSON_OPTION = ["--json", "for programs: what the service answers"] as const;

const program = new Command("npm run prices --")
  .description(
    "Shows what models cost, sets a price, takes over a list, or what of one was not believed. No charge that was made changes.",
  )
  .addHelpText(
    "after",
    `
Units: ${PRICED_UNITS.slice(0, 6).join(", ")},
  ${PRICED_UNITS.slice(6, 12).join(", ")},
  ${PRICED_UNITS.slice(12).join(", ")}
A list is a JSON file: {"service": "openrouter", "source": "my list", "prices":
  [{"model": "acme/one", "rates": [{"unit": "input_token", "price": "0.000001"}]}]}`,
  );

program
  .command("show")
  .description("the price in force, now or at another time")
  .argument("<service>", "such as openrouter")
  .argument("[model]", "without it, the price of whatever model has none of its own")
  .option("--at <time>", "such as 2026-01-31T12:00:00Z")
  .option(...JSON_OPTION)
  .action(async (service: string, model: string | undefined, { at, json }: { at?: string; json?: true }) =>
    onBus(async (bus) => tell(await ask<Row>(bus, getPrice, { service, model, at }), json)),
  );
program
  .command("history")
  .description("every row that a model was, is or will be priced by, latest first")
  .argument("<service>", "such as openrouter")
  .argument("[model]", "without it, the rows of whatever model has none of its own")
  .option("--limit <rows>", "at most so many", "100")
  .option(...JSON_OPTION)
  .action(async (service: string, model: string | undefined, { limit, json }: { limit: string; json?: true }) =>
    onBus(async (bus) => tell(await ask<Row[]>(bus, priceHistory, { service, model, limit }), json)),
  );
program
  .command("set")
  .description("sets the price of a model from now on; its first price holds for the time before too")
  .argument("<service>", "such as openrouter")
  .argument("[model]", "without it, whatever model of the service has no price of its own")
  .requiredOption("--rate <unit=price...>", "USD for one unit, such as input_token=0.000001", rateOf)
  .addOption(
    new Option("--class <class>", "markup class, where the prompt price does not tell it").choices(MARKUP_CLASSES),
  )
  .option("--text-only", "the model gives nothing but text: only then do prices of 0 mean free")
  .option(...JSON_OPTION)
  .action(async (service: string, model: string | undefined, { rate, class: group, textOnly, json }: Set) =>
    onBus(async (bus) =>
      tell(await ask<Row>(bus, setPrice, { service, model, rates: rate, class: group, text_only: textOnly }), json),
    ),
  );
program
  .command("import")
  .description("takes over a list: what did not change stays; exit code 1 where a price is refused")
  .argument("<file>", "a list as JSON, see below")
  .option(...JSON_OPTION)
  .action(async (file: string, { json }: { json?: true }) => onBus((bus) => takeOver(bus, file, json === true)));
program
  .command("quarantine")
  .description("listed prices that are not believed: negative ones, and what rises more than tenfold")
  .option(...JSON_OPTION)
  .action(async ({ json }: { json?: true }) =>
    onBus(async (bus) => {
      const waiting = await ask<Waiting[]>(bus, listQuarantine, {});
      console.log(json ? JSON.stringify(waiting, undefined, 2) : quarantineTable(waiting));
    }),
  );
program
  .command("accept")
  .description("takes over a price that waits in quarantine, from now on")
  .argument("<service>", "such as openrouter")
  .argument("[model]", "without it, the price of whatever model has none of its own")
  .option(...JSON_OPTION)
  .action(async (service: string, model: string | undefined, { json }: { json?: true }) =>
    onBus(async (bus) => tell(await ask<Row>(bus, acceptPrice, { service, model }), json)),
  );
await program.parseAsync();

function rateOf(text: string, before: Set["rate"] = []): Set["rate"] {
  const [, unit, price = ""] = /^(\w+)=(.+)$/.exec(text) ?? [];
  const known = PRICED_UNITS.find((each) => each === unit);
  if (known === undefined)
    throw new InvalidArgumentError(`A rate is a unit and its price: ${PRICED_UNITS.join(", ")}.`);
  return [...before, { unit: known, price }];
}

async function onBus(work: (bus: Bus) => Promise<void>): Promise<void> {
  await withBus("prices", work).catch((error: Error) => program.error(error.message));
}

/** What the service answers, as it stands on the wire. */
async function ask<T>(bus: Bus, contract: Contract, input: object): Promise<T> {
  const { json } = await bus.forward(contract, JSON.stringify(input), { caller: CALLER });
  return JSON.parse(json) as T;
}

function tell(answer: Row | readonly Row[], json: true | undefined): void {
  if (json) return console.log(JSON.stringify(answer, undefined, 2));
  const rows = Array.isArray(answer) ? (answer as readonly Row[]) : [answer as Row];
  console.log(rows.length === 0 ? "No price is known." : pricesTable(rows));
}

async function takeOver(bus: Bus, file: string, json: boolean): Promise<void> {
  const { prices, ...list } = readList(
    await readFile(file, "utf8").catch(() => cannot(`${file} cannot be read.`)),
    file,
  );
  const total: z.input<typeof importPrices.output> = { changed: 0, unchanged: 0, quarantined: 0, refused: [] };
  for (let from = 0; from < prices.length; from += PAGE) {
    const page = { ...list, prices: prices.slice(from, from + PAGE) };
    const { changed, unchanged, quarantined, refused } = await ask<typeof total>(bus, importPrices, page);
    total.changed += changed;
    total.unchanged += unchanged;
    total.quarantined += quarantined;
    total.refused.push(...refused.map(({ index, detail }) => ({ index: from + index, detail })));
  }
  if (json) console.log(JSON.stringify(total, undefined, 2));
  else {
    const { changed, unchanged, quarantined, refused } = total;
    console.log(`${changed} changed, ${unchanged} unchanged, ${quarantined} in quarantine, ${refused.length} refused.`);
    for (const { index, detail } of refused) console.log(`  prices[${index}]: ${detail}`);
  }
  if (total.refused.length > 0) process.exitCode = 1;
}

function readList(text: string, file: string): { readonly prices: readonly unknown[] } {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return cannot(`${file} is not JSON.`);
  }
  const { prices } = (typeof list === "object" && list !== null ? list : {}) as { prices?: unknown };
  if (!Array.isArray(prices)) return cannot(`${file} has no array "prices": npm run prices -- --help shows a list.`);
  return { ...(list as object), prices: prices as readonly unknown[] };
}

function cannot(sentence: string): never {
  throw new Error(sentence);
}
