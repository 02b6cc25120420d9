/** SQL that is visible and safe: text is written, values are bound, fragments nest. */

export interface Sql {
  readonly text: string;
  readonly values: readonly unknown[];
}

class Fragment implements Sql {
  readonly strings: readonly string[];
  readonly holes: readonly unknown[];

  constructor(strings: readonly string[], holes: readonly unknown[]) {
    this.strings = strings;
    this.holes = holes;
  }

  get text(): string {
    return this.#render().text;
  }

  get values(): readonly unknown[] {
    return this.#render().values;
  }

  #rendered: { text: string; values: unknown[] } | undefined;

  #render() {
    if (this.#rendered === undefined) {
      this.#rendered = { text: "", values: [] };
      this.#append(this.#rendered);
    }
    return this.#rendered;
  }

  #append(into: { text: string; values: unknown[] }): void {
    this.strings.forEach((part, i) => {
      into.text += part;
      if (i >= this.holes.length) return;
      const hole = this.holes[i];
      if (hole instanceof Fragment) hole.#append(into);
      else into.text += `$${into.values.push(hole)}`;
    });
  }
}

/** A statement or a part of one: every `${value}` is a bound parameter, every `${sql`...`}` is spliced in. */
export function sql(strings: TemplateStringsArray, ...holes: readonly unknown[]): Sql {
  return new Fragment(strings, holes);
}

/**
 * Rows as a table expression: `unnest($1::text[], ...)`, one parameter a column whatever the number of rows.
 * `columns` maps each column to its Postgres type; a row's values are matched by name.
 */
export function table<C extends string>(
  columns: Readonly<Record<C, string>>,
  rows: readonly Readonly<Record<C, unknown>>[],
): Sql {
  const names = Object.keys(columns) as C[];
  const casts = names.map((name) => `::${columns[name]}[]`);
  const strings = ["unnest(", ...casts.map((cast, i) => `${cast}${i === casts.length - 1 ? ")" : ", "}`)];
  return new Fragment(
    strings,
    names.map((name) => arrayText(rows.map((row) => row[name]))),
  );
}

/**
 * A column as Postgres' text of an array. JSON's spelling of plain values is the same, and made much faster than one value
 * at a time, as long as nothing is escaped but quotes and backslashes. Whatever is not plain is left to the client.
 */
function arrayText(values: readonly unknown[]): unknown {
  if (!values.every(isPlain)) return values;
  const json = JSON.stringify(values);
  return /\\[^"\\]/.test(json) ? values : `{${json.slice(1, -1)}}`;
}

function isPlain(value: unknown): boolean {
  if (value instanceof Date) return Number.isFinite(value.getTime());
  return value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
}
