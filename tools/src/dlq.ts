/** `npm run dlq`: messages that a service could not apply, shown, driven again, or put away. */
import { userInfo } from "node:os";
import { Command, InvalidArgumentError } from "commander";
import Table from "cli-table3";
import type { z } from "zod";
import type { Bus } from "@tollbooth/shared/bus";
import {
  discardDeadCharges,
  discardDeadLetters,
  listDeadCharges,
  listDeadLetters,
  redriveDeadCharges,
  redriveDeadLetters,
} from "@tollbooth/shared/contracts/dead-letters";
import { withBus } from "./asking.ts";

const OFFICES = {
  usage: { list: listDeadLetters, redrive: redriveDeadLetters, discard: discardDeadLetters },
  credits: { list: listDeadCharges, redrive: redriveDeadCharges, discard: discardDeadCharges },
} as const;

type Service = keyof typeof OFFICES;
type Letter = Readonly<z.output<typeof listDeadLetters.output>[number]> & { readonly service: Service };

/** A letter as an operator names it: `usage/7`. */
interface Name {
  readonly service: Service;
  readonly id: string;
}

/** A letter's text may have 64 KB, so that a page of them fits into one message. */
const PAGE = 50;
const LINE_MAX = 60;
const SERVICES = Object.keys(OFFICES) as Service[];

const program = new Command("npm run dlq --")
  .description("Shows messages that a service could not apply (dead letters), drives them again, or puts them away.")
  .addHelpText("after", "\nA letter is named by its service and number, such as usage/7.");

program
  .command("list", { isDefault: true })
  .description("the letters that wait, oldest first")
  .option("--json", "for programs: an array of letters")
  .action(async ({ json }: { json?: true }) => onBus((bus) => list(bus, json === true)));
program
  .command("show")
  .description("one letter whole")
  .argument("<letter>", "its name", nameOf)
  .option("--json", "for programs: an object")
  .action(async (name: Name, { json }: { json?: true }) => onBus((bus) => show(bus, name, json === true)));
program
  .command("redrive")
  .description("applies letters as if they came now; exit code 1 where one is refused again")
  .argument("[letters...]", "their names")
  .option("--all", "all that wait")
  .option("--json", "for programs: an array of what became of each")
  .action(async (names: string[], { all, json }: { all?: true; json?: true }) =>
    onBus((bus) => redrive(bus, names.map(nameOf), all === true, json === true)),
  );
program
  .command("discard")
  .description("puts letters away for good: what they tell of is never applied, and nobody is asked about them again")
  .argument("<letters...>", "their names")
  .requiredOption("--reason <text>", "why; it is kept with the letter, and so is who")
  .option("--by <name>", "who", userInfo().username)
  .option("--json", "for programs: an array of what became of each")
  .action(async (names: string[], { reason, by, json }: { reason: string; by: string; json?: true }) =>
    onBus((bus) => discard(bus, names.map(nameOf), { reason, by }, json === true)),
  );
await program.parseAsync();

function nameOf(text: string): Name {
  const [, service, id] = /^(\w+)\/(\d{1,18})$/.exec(text) ?? [];
  if (id !== undefined && SERVICES.includes(service as Service)) return { service: service as Service, id };
  throw new InvalidArgumentError(`A letter is named ${SERVICES.map((name) => `${name}/7`).join(" or ")}.`);
}

async function onBus(work: (bus: Bus) => Promise<void>): Promise<void> {
  await withBus("dlq", work).catch((error: Error) => program.error(error.message));
}

async function list(bus: Bus, json: boolean): Promise<void> {
  const letters = await waiting(bus);
  if (json) return tell(letters);
  if (letters.length === 0) return console.log("No dead letter waits.");
  const table = new Table({ head: ["letter", "since", "subject", "reason"], style: { head: [], border: [] } });
  for (const { service, id, at, subject, reason } of letters)
    table.push([`${service}/${id}`, new Date(at).toISOString(), subject, oneLine(reason)]);
  console.log(`${table.toString()}\n${letters.length} waiting; npm run dlq -- show <letter> shows one whole.`);
}

async function show(bus: Bus, { service, id }: Name, json: boolean): Promise<void> {
  const after = String(BigInt(id) - 1n);
  const [found] = await page(bus, service, BigInt(id) > 0n ? after : "0", 1);
  if (found?.id !== id)
    return program.error(`${service}/${id} does not wait: it never was, was driven again, or put away.`);
  if (json) return tell(found);
  const { stream, seq, subject, at, headers, reason, body } = found;
  const facts = { letter: `${service}/${id}`, since: new Date(at).toISOString(), subject, stream: `${stream} #${seq}` };
  for (const [name, value] of Object.entries({ ...facts, reason, ...headers }))
    console.log(visible(`${name}: ${value}`));
  console.log(`\n${visible(body)}`);
}

async function redrive(bus: Bus, names: readonly Name[], all: boolean, json: boolean): Promise<void> {
  if (all === names.length > 0) return program.error("Name the letters to drive again, or say --all.");
  const driven = [];
  for (const { service, id } of all ? await waiting(bus) : names) {
    const [answer] = await bus.ask(OFFICES[service].redrive, { ids: [id] });
    driven.push({ service, ...answer });
    if (!json) console.log(`${service}/${id} ${answer?.status}${answer?.detail ? `: ${oneLine(answer.detail)}` : ""}`);
  }
  if (json) tell(driven);
  else if (driven.length === 0) console.log("No dead letter waits.");
  if (driven.some(({ status }) => status === "refused" || status === "unknown")) process.exitCode = 1;
}

async function discard(bus: Bus, names: readonly Name[], put: { reason: string; by: string }, json: boolean) {
  const discarded = [];
  for (const { service, id } of names) {
    const [answer] = await bus.ask(OFFICES[service].discard, { ...put, ids: [id] });
    discarded.push({ service, ...answer });
    if (!json) console.log(`${service}/${id} ${answer?.status}`);
  }
  if (json) tell(discarded);
  if (discarded.some(({ status }) => status === "unknown")) process.exitCode = 1;
}

async function waiting(bus: Bus): Promise<Letter[]> {
  const letters: Letter[] = [];
  for (const service of SERVICES) {
    for (let found = await page(bus, service, "0", PAGE); found.length > 0;) {
      letters.push(...found);
      // A page may be short because its letters are long.
      found = await page(bus, service, found.at(-1)?.id ?? "0", PAGE);
    }
  }
  return letters;
}

async function page(bus: Bus, service: Service, after: string, limit: number): Promise<Letter[]> {
  const letters = await bus.ask(OFFICES[service].list, { after, limit });
  return letters.map((letter) => ({ ...letter, service }));
}

function tell(value: object): void {
  console.log(JSON.stringify(value, undefined, 2));
}

/** What a stranger wrote does not move the cursor of whoever reads it: control characters are told by their numbers. */
function visible(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, (char) => `\\u${char.codePointAt(0)?.toString(16).padStart(4, "0")}`);
}

function oneLine(text: string): string {
  const line = visible(text.replaceAll(/\s+/g, " "));
  return line.length > LINE_MAX ? `${line.slice(0, LINE_MAX)}...` : line;
}
