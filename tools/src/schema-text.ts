/** Schemas as the document docs/DATABASE.md. Pure: the same schemas are the same text. */
import { rolesOf, type Owner } from "./databases.ts";
import type { Routine, Schema, Table } from "./schema.ts";

const INTRODUCTION = `# The databases

Made by \`npm run database-doc\` from the live catalogue; a test says when it is not up to date. What the tables mean
together is in [ARCHITECTURE.md](ARCHITECTURE.md) and [LEDGER.md](LEDGER.md).

Each service has a database of its own, and each database three roles ([ADR 0035](adr/0035-three-roles-a-database.md)):

| database | owns the tables, cannot log in | the running service | the audit, reads only |
|---|---|---|---|`;

/** The whole document, of all databases. */
export function databaseDocument(schemas: Readonly<Record<Owner, Schema>>): string {
  const all = Object.entries(schemas) as [Owner, Schema][];
  const roles = all.map(([name]) => {
    const { database, owner, service, audit } = rolesOf(name);
    return `| ${[database, owner, service, audit].map(code).join(" | ")} |`;
  });
  const common = commonTables(all.map(([, schema]) => schema));
  const rest = all.map(([owner, schema]) => databaseText(owner, schema, common));
  const shared = ["## In every database", ...common.map(tableText)];
  return `${[[INTRODUCTION, ...roles].join("\n"), ...shared, ...rest].join("\n\n")}\n`;
}

/** The tables that are the same in all databases, word for word. */
function commonTables(schemas: readonly Schema[]): Table[] {
  const [first, ...others] = schemas;
  return (first?.tables ?? []).filter((table) => others.every((schema) => isIn(table, schema)));
}

function isIn(table: Table, { tables }: Schema): boolean {
  return tables.some((other) => tableText(other) === tableText(table));
}

function databaseText(owner: Owner, { tables, routines }: Schema, common: readonly Table[]): string {
  const names = new Set(common.map(({ name }) => name));
  const own = tables.filter(({ name }) => !names.has(name));
  return [`## ${owner}`, diagram(own), ...own.map(tableText), routinesText(routines)].join("\n\n");
}

/** Who points at whom; keys and what points only. */
function diagram(tables: readonly Table[]): string {
  const real = tables.filter(({ is_view: isView }) => !isView);
  const links = real.flatMap(({ name, references }) =>
    references.map(({ table, columns }) => `  ${table} ||--o{ ${name} : "${columns.join(", ")}"`),
  );
  const boxes = real.map(({ name, key, columns, references }) => {
    const pointing = new Set(references.flatMap((reference) => reference.columns));
    const shown = columns.filter((column) => key.includes(column.name) || pointing.has(column.name));
    const lines = shown.map(({ name: column, type }) => {
      const marks = [key.includes(column) ? "PK" : "", pointing.has(column) ? "FK" : ""].filter((mark) => mark !== "");
      return `    ${typeText(type)
        .replaceAll(/[^a-z0-9]+/g, "_")
        .replace(/_$/, "")} ${column} ${marks.join(",")}`;
    });
    return [`  ${name} {`, ...lines, "  }"].join("\n");
  });
  return ["```mermaid", "erDiagram", ...links, ...boxes, "```"].join("\n");
}

function tableText({ name, is_view: isView, comment, columns, service, audit, ...rest }: Table): string {
  const head = [`### ${isView ? "View " : ""}${name}`, `${comment}.`].join("\n\n");
  const rows = columns.map(
    (column) =>
      `| ${code(column.name)} | ${typeText(column.type)}${column.is_null && !isView ? ", null" : ""} | ${column.preset === null ? "" : code(column.preset)} | ${column.comment} |`,
  );
  const rights = `The service may ${service.join(", ")}; the audit may ${audit.join(", ")}.`;
  return [
    head,
    ["| column | type | default | what |", "|---|---|---|---|", ...rows].join("\n"),
    ...lists(rest),
    rights,
  ].join("\n\n");
}

function typeText(type: string): string {
  return type.replace("timestamp with time zone", "timestamptz");
}

function lists({ rules, indexes, triggers }: Pick<Table, "rules" | "indexes" | "triggers">): string[] {
  const listed = [
    list(
      "Keys and checks",
      rules.map(({ text }) => text),
    ),
    list(
      "Indexes",
      indexes.map(({ text }) => text.replace(/^CREATE /, "").replace("public.", "")),
    ),
    list(
      "Triggers",
      triggers.map(({ text }) => text.replace("CREATE TRIGGER ", "")),
    ),
  ];
  return listed.filter((text) => text !== "");
}

function list(title: string, texts: readonly string[]): string {
  return texts.length === 0 ? "" : [`${title}:`, "", ...texts.map((text) => `- ${code(text)}`)].join("\n");
}

function routinesText(routines: readonly Routine[]): string {
  const rows = routines.map(
    ({ name, comment, is_of_owner: isOfOwner, is_trigger: isTrigger }) =>
      `| ${code(name)} | ${isTrigger ? "a trigger" : "the service"} | ${isOfOwner ? "the owner" : "the caller"} | ${comment} |`,
  );
  return ["| function | called by | with the rights of | what |", "|---|---|---|---|", ...rows].join("\n");
}

/** As code, also in a table's cell. */
function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}
