import { expect, test } from "vitest";
import { commands, events, reports } from "../all.ts";
import { examples } from "./all.ts";
import type { Example } from "./example.ts";

const HOW = "add it in packages/shared/src/contracts/examples/, and a new file there to all.ts";

function exampleOf(subject: string): Example {
  const found = examples[subject];
  if (found === undefined) throw new Error(`${subject} has no example: ${HOW}`);
  return found;
}
const allCommands = Object.values(commands).flat();
const allEvents = [...Object.values(events), ...Object.values(reports)].flat();

test.each(allCommands.map((command) => ({ subject: command.subject, command })))(
  "$subject shows a good request and its answer",
  ({ subject, command }) => {
    const { input, output } = exampleOf(subject);
    expect(command.input.safeParse(input).error?.message).toBeUndefined();
    expect(command.output.safeParse(output).error?.message).toBeUndefined();
  },
);

test.each(allEvents.map((event) => ({ subject: event.subject, event })))(
  "$subject shows what it tells",
  ({ subject, event }) => {
    expect(event.data.safeParse(exampleOf(subject).input).error?.message).toBeUndefined();
  },
);

test("no example is of something else", () => {
  const known = [...allCommands, ...allEvents].map(({ subject }) => subject);
  expect(Object.keys(examples).filter((subject) => !known.includes(subject))).toEqual([]);
});
