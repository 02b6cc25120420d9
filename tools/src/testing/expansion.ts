/** Whether a migration only adds: the code of the version before goes on beside it, reads what it read and writes what it wrote. */

/** What a migration takes from code of before, one phrase for each; nothing where it only adds. Tables that it makes are its own. */
export function takenAway(text: string): string[] {
  const statements = bare(text)
    .split(";")
    .map((statement) => statement.replaceAll(/\s+/g, " ").trim().toLowerCase());
  const made = new Set(
    statements.flatMap((statement) => /^create table (?:if not exists )?(\w+)/.exec(statement)?.[1] ?? []),
  );
  return statements.flatMap((statement) => {
    const [, table = "", actions = ""] = /^alter table (?:if exists |only )*(\w+) (.*)$/.exec(statement) ?? [];
    if (table !== "") return made.has(table) ? [] : ofTable(parts(actions)).map((what) => `${what} of ${table}`);
    const [, indexed = ""] = /^create unique index .*?\bon (?:only )?(\w+)/.exec(statement) ?? [];
    if (indexed !== "") return made.has(indexed) ? [] : [`refuses rows of ${indexed}`];
    return /^drop (?!index )|^alter .* rename /.test(statement) ? [statement] : [];
  });
}

/** Without comments, texts and the bodies of functions. */
function bare(text: string): string {
  return text.replaceAll(/--.*|\$(\w*)\$[^]*?\$\1\$|'(?:[^']|'')*'/g, "");
}

function ofTable(actions: readonly string[]): string[] {
  const addsColumns = actions.some((action) => ADDS_COLUMN.test(action));
  return actions.flatMap((action) => {
    if (/^drop (?!constraint )|^rename /.test(action)) return [action];
    if (/^alter .* (type|set not null|drop (default|not null|expression|identity))\b/.test(action)) return [action];
    // Of rules that come with a column it is taken that they are about it.
    if (ADDS_RULE.test(action)) return addsColumns ? [] : [`refuses rows by ${action}`];
    return ADDS_COLUMN.test(action) && /\bnot null\b/.test(action) && !/\b(default|generated)\b/.test(action)
      ? [action]
      : [];
  });
}

const ADDS_RULE = /^add (constraint|check|unique|primary|foreign|exclude)\b/;
const ADDS_COLUMN = /^add (?!constraint|check|unique|primary|foreign|exclude)/;

/** What stands between the commas that are in no brackets. */
function parts(actions: string): string[] {
  const found: string[] = [""];
  let depth = 0;
  for (const sign of actions) {
    depth += sign === "(" ? 1 : sign === ")" ? -1 : 0;
    if (sign === "," && depth === 0) found.push("");
    else found[found.length - 1] += sign;
  }
  return found.map((part) => part.trim());
}
