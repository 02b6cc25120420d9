/**
 * How many commands a second the ledger's posting routine takes, beside the least that a deduction in a transaction of its
 * own is, on one Postgres in the same rounds. Every command writes all that it writes in the service, and every one is
 * found in the books afterwards. `npm run bench -- ledger`.
 */
import { randomInt } from "node:crypto";
import { Command } from "commander";
import { Ledger } from "./parts/ledger.ts";
import { median, rounded } from "./parts/numbers.ts";
import { onPostgres } from "./parts/place.ts";
import { tell, withJson, type Told } from "./parts/telling.ts";
import { openYardstick, type Yardstick } from "./parts/yardstick.ts";

const WARM_UP_S = 2;
const USERS = 1_000;

const command = withJson(new Command("npm run bench -- ledger"))
  .description("Measures the posting routine beside one deduction a transaction.")
  .option("--rounds <number>", "how often each is measured; medians are told", Number, 5)
  .option("--seconds <number>", "how long each time", Number, 4)
  .option("--outstanding <number>", "commands that wait for their commit at once", Number, 2_000)
  .parse();
const { rounds, seconds, outstanding } = command.opts<{ rounds: number; seconds: number; outstanding: number }>();

type Way = "deduct" | "charge";
/** A deduction of REST has a key that it is remembered by, a charge of the broker a row of the inbox. */
const WAYS: Readonly<Record<Way, string>> = { deduct: "deductions with a key", charge: "charges of usage events" };
const CROWDS = [
  { name: `${USERS} users`, users: USERS },
  { name: "one user", users: 1 },
];

interface Figure {
  readonly name: string;
  readonly perSecond: number;
  readonly yardstickPerSecond: number;
  readonly yardstick: string;
  /** Of the yardstick's in the same round: their median, and each. */
  readonly ratio: number;
  readonly ratios: readonly number[];
}

const userIds = Array.from({ length: USERS }, (_, i) => `user-${i + 1}`);

await onPostgres(async (postgres, folder) => {
  const ledger = await Ledger.open(postgres, userIds);
  try {
    const yardstick = await openYardstick(postgres, folder, USERS);
    for (const { users } of CROWDS) await round(ledger, yardstick, users, WARM_UP_S);
    const figures: Figure[] = [];
    for (const { name, users } of CROWDS) {
      const results: Round[] = [];
      for (let i = 0; i < rounds; i++) results.push(await round(ledger, yardstick, users, seconds));
      for (const way of ["deduct", "charge"] as const)
        figures.push(figureOf(`${WAYS[way]}, ${name}`, way, results, yardstick.name));
    }
    await yardstick.requireSound();
    await ledger.requireSound();
    tell(command, figures, toldOf(figures));
  } finally {
    await ledger.close();
  }
});

/** Commands a second, each way, and the yardstick's transactions. */
type Round = Readonly<Record<Way | "yardstick", number>>;

async function round(ledger: Ledger, yardstick: Yardstick, users: number, forSeconds: number): Promise<Round> {
  return {
    yardstick: await yardstick.perSecond(users, forSeconds),
    deduct: await perSecond(users, forSeconds, (userId) => ledger.deduct(userId)),
    charge: await perSecond(users, forSeconds, (userId) => ledger.charge(userId)),
  };
}

/** Keeps so many commands outstanding, each for any of the users, and counts what is committed until the last of them is. */
async function perSecond(users: number, forSeconds: number, post: (userId: string) => Promise<void>): Promise<number> {
  let count = 0;
  const begin = performance.now();
  const end = begin + forSeconds * 1000;
  const one = async () => {
    for (; performance.now() < end; count++) await post(userIds[randomInt(users)] ?? "");
  };
  await Promise.all(Array.from({ length: outstanding }, one));
  return (count / (performance.now() - begin)) * 1000;
}

function figureOf(name: string, way: Way, results: readonly Round[], yardstick: string): Figure {
  const ratios = results.map((result) => result[way] / result.yardstick);
  return {
    name,
    perSecond: rounded(median(results.map((result) => result[way]))),
    yardstickPerSecond: rounded(median(results.map((result) => result.yardstick))),
    yardstick,
    ratio: rounded(median(ratios), 2),
    ratios: ratios.map((ratio) => rounded(ratio, 2)),
  };
}

function toldOf(figures: readonly Figure[]): Told {
  const head = [`${outstanding} outstanding`, "a second", "yardstick a second", "ratio", "of the rounds"];
  const rows = figures.map(({ name, perSecond: own, yardstickPerSecond, ratio, ratios }) => [
    name,
    own,
    yardstickPerSecond,
    ratio,
    ratios.join(" "),
  ]);
  const [first] = figures;
  const says = `Medians of ${rounds} rounds of ${seconds} s. The yardstick is one deduction a transaction: ${first?.yardstick}. Every command is in the books once, and the books balance.`;
  return { head, rows, says };
}
