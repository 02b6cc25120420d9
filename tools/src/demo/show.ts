/** The demo itself, on a platform that is there: credits granted, traffic replayed, accounts stated, books audited. */
import type { Money } from "@tollbooth/shared/money";
import { audit, quiet, type Finding } from "../books.ts";
import { explainOne } from "./bill.ts";
import { redeemAll, showCoupons } from "./coupons.ts";
import { diceOf } from "./dice.ts";
import { added, grantAll, topUp, type Cast } from "./grants.ts";
import { PEOPLE } from "./people.ts";
import { expectedOf, plan, sumOf, type Expected, type PlannedEvent } from "./plan.ts";
import { play } from "./play.ts";
import { connectAll } from "./own-keys.ts";
import { openProgress } from "./progress.ts";
import { readAnswers, readDebtors, readTokens } from "./reading.ts";
import type { Scene } from "./scene.ts";
import { differences, statementOf } from "./statement.ts";
import { statementsTable, verdictTable, whole } from "./tables.ts";
import type { Request } from "./traffic.ts";

export interface Script {
  readonly requests: readonly Request[];
  readonly seed: number;
  /** Sets this run apart from all others: part of every user's name and of every event's id. */
  readonly run: string;
  readonly isTrace: boolean;
  readonly speed: number | undefined;
}

export interface Shown {
  readonly userIds: readonly string[];
  readonly events: number;
  /** From the first event sent to the last deduction made. */
  readonly seconds: number;
  /** What is not as it should be, one sentence each; none where all is well. */
  readonly problems: readonly string[];
}

const QUIET_WITHIN_MS = 45_000;
const NOT_QUIET =
  `after ${QUIET_WITHIN_MS / 1000} s there were still facts that nobody had confirmed. ` +
  "Where others use this platform meanwhile, that may be theirs: books can be audited when they rest.";

/** Shows it on standard output; answers what was shown. Throws the first request that fails. */
export async function show(script: Script, scene: Scene): Promise<Shown> {
  const cast: Cast = new Map(PEOPLE.map((person) => [`${person.name}-${script.run}`, person]));
  const planned = planOf(script, cast, scene.hasProxy);
  const expected = expectedOf(planned, cast.keys());
  tellPlan(planned, cast);

  const granted = added(await grantAll(cast, scene), await redeemAll(cast, script.run, scene));
  const owners = await connectAll(planned, scene);
  if (owners > 0) console.log(`${owners} of them have connected OpenRouter keys of their own.`);
  const firstMs = Date.now();
  await replay(planned, script, scene);
  const isApplied = await quiet(scene.books, QUIET_WITHIN_MS);
  const bought = await topUp(await readDebtors([...cast.keys()], scene), cast, scene);
  const isQuiet = isApplied && (await quiet(scene.books, QUIET_WITHIN_MS));

  const told = await state({ expected, granted: added(granted, bought) }, scene);
  const coupons = await showCoupons(cast, script.run, scene);
  console.log(`\nCoupons:\n${coupons.table}`);
  const [someone = ""] = cast.keys();
  console.log(`\n${(await explainOne(someone, scene)) ?? ""}`);
  const findings = await audit(scene.books);
  console.log(`\nThe audit's verdict:\n${verdictTable(findings)}`);
  const late = isQuiet ? [] : [NOT_QUIET];
  return {
    userIds: [...cast.keys()],
    events: planned.length,
    seconds: (told.lastChargeMs - firstMs) / 1000,
    problems: [...late, ...told.problems, ...coupons.problems, ...brokenLaws(findings)],
  };
}

function planOf({ requests, seed, run, isTrace }: Script, cast: Cast, hasProxy: boolean): PlannedEvent[] {
  const people = [...cast].map(([userId, person]) => ({ ...person, userId }));
  return plan(requests, { dice: diceOf(seed), people, run, isTrace, hasProxy });
}

function tellPlan(planned: readonly PlannedEvent[], cast: Cast): void {
  const count = (is: (event: PlannedEvent) => boolean) => whole(planned.filter(is).length);
  const sources = new Set(planned.flatMap(({ way }) => (way.by === "report" ? [way.source] : [])));
  console.log(
    `${whole(planned.length)} events of ${cast.size} users: ` +
      `${count(({ way }) => way.by !== "report" && way.by !== "proxy")} over REST, ` +
      `${count(({ way }) => way.by === "report")} over NATS from ${[...sources].join(", ")}, ` +
      `${count(isBy("byok"))} chats through the proxy on users' own keys, ${count(isBy("managed"))} on the platform's. ` +
      `${count(({ isTwice }) => isTwice)} of them are sent twice on purpose.`,
  );
}

function isBy(key: "byok" | "managed"): (event: PlannedEvent) => boolean {
  return ({ way }) => way.by === "proxy" && way.key === key;
}

async function replay(planned: readonly PlannedEvent[], { speed }: Script, scene: Scene): Promise<void> {
  const { rest, gatewayUrl, tokenOf, reporterOf, reporters } = scene;
  const progress = openProgress(planned.length);
  try {
    const onRecorded = (count: number) => progress.add(count);
    await play(planned, {
      rest,
      gatewayUrl,
      tokenOf,
      speed,
      onRecorded,
      reporterOf: (source) => reporterOf(source, () => onRecorded(1)),
    });
  } finally {
    progress.stop();
  }
  const sentAgain = [...reporters.values()].reduce((count, reporter) => count + reporter.sentAgain, 0);
  console.log(`Requests repeated: ${rest.repeated}; reports that had to be sent again: ${sentAgain}.`);
}

interface Sent {
  readonly expected: ReadonlyMap<string, Expected>;
  readonly granted: ReadonlyMap<string, Money>;
}

/** Prints every user's statement, and compares what the platform answers with our own record. */
async function state({ expected, granted }: Sent, scene: Scene): Promise<{ lastChargeMs: number; problems: string[] }> {
  const userIds = [...expected.keys()];
  const answers = await readAnswers(userIds, scene);
  const statements = answers.map(statementOf);
  console.log(`\n${statementsTable(statements)}`);

  const wanted = sumOf(expected.values());
  const tokens = await readTokens(userIds, scene.books.usage);
  const recorded = answers.reduce((count, { summary }) => count + summary.total_events, 0);
  const { inputTokens, outputTokens } = wanted;
  console.log(`Sent      ${eventsText(wanted.events, inputTokens, outputTokens)}`);
  console.log(`Recorded  ${eventsText(recorded, tokens.input, tokens.output)}`);

  const problems = answers.flatMap((answer, i) => {
    const userId = userIds[i] as string;
    return differences(answer, { expected: expected.get(userId) as Expected, granted: granted.get(userId) as Money });
  });
  if (tokens.input !== inputTokens || tokens.output !== outputTokens)
    problems.push("the sums by day tell of other tokens than were sent");
  return { lastChargeMs: Math.max(...statements.map(({ lastChargeMs }) => lastChargeMs)), problems };
}

function eventsText(events: number, prompt: number, completion: number): string {
  return `${whole(events)} events, ${whole(prompt)} prompt and ${whole(completion)} completion tokens`;
}

function brokenLaws(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ says, breaches }) => breaches.map((breach) => `${says}: not so: ${breach}`));
}
