import { expect, test } from "vitest";
import { commands, events } from "../all.ts";
import { examples } from "./all.ts";

const HOW = "add it in packages/shared/src/contracts/examples/, and a new file there to all.ts";
const allCommands = Object.values(commands).flat();
const allEvents = Object.values(events).flat();

test.each(allCommands.map((command) => ({ subject: command.subject, command })))(
  "$subject shows a good request and its answer",
  ({ subject, command }) => {
    const shown = examples[subject];
    expect(shown, `${subject} has no example: ${HOW}`).toBeDefined();
    command.input.parse(shown?.input);
    command.output.parse(shown?.output);
  },
);

test.each(allEvents.map((event) => ({ subject: event.subject, event })))(
  "$subject shows what it tells",
  ({ subject, event }) => {
    expect(examples[subject], `${subject} has no example: ${HOW}`).toBeDefined();
    event.data.parse(examples[subject]?.input);
  },
);

test("no example is of something else", () => {
  const known = [...allCommands, ...allEvents].map(({ subject }) => subject);
  expect(Object.keys(examples).filter((subject) => !known.includes(subject))).toEqual([]);
});
