/** Values that a schema of the document takes: plain ones, and those at its ends. */
import fc, { type Arbitrary } from "fast-check";
import { resolved, type Schema } from "./operations.ts";
import { DATE_TIMES, DATES, TEXTS } from "./texts.ts";

/** What is there to be named, by the field that names it. */
export type Words = Readonly<Record<string, readonly string[]>>;

/** How a field is told: by its name, among these words, and whether at the ends of what its schema takes. */
interface How {
  readonly words: Words;
  readonly isEdge: boolean;
}

const ITEMS_MAX = 3;
const OPTIONAL_MAX = 3;
const DEPTH_MAX = 4;
/** An endless whole number is tried up to here. */
const WHOLE_MAX = 1_000;

/** Values of a schema: what most clients send, with names of things that are there. */
export function good(schema: Schema, name: string, words: Words): Arbitrary<unknown> {
  return value(schema, name, { words, isEdge: false });
}

/** Values at the ends of a schema: least and most, shortest and longest, with and without what need not be there. */
export function edge(schema: Schema, name: string, words: Words): Arbitrary<unknown> {
  return value(schema, name, { words, isEdge: true });
}

function value(told: Schema, name: string, how: How): Arbitrary<unknown> {
  const schema = resolved<Schema>(told);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((one) => value(one, name, how)));
  const type = typeof schema.type === "string" ? schema.type : (schema.type?.[0] ?? "");
  switch (type) {
    case "string":
      return text(schema, name, how);
    case "integer":
    case "number":
      return number(schema, how);
    case "boolean":
      return fc.boolean();
    case "array":
      return array(schema, name, how);
    case "object":
      return object(schema, how);
    default:
      return anything();
  }
}

/** Any JSON, of a few levels. */
export function anything(): Arbitrary<unknown> {
  return fc.jsonValue({ maxDepth: DEPTH_MAX, stringUnit: "binary" });
}

function text(schema: Schema, name: string, { words, isEdge }: How): Arbitrary<unknown> {
  const known = (words[name] ?? []).filter((each) => fits(schema, each));
  const fitting = candidates(schema).filter((each) => fits(schema, each));
  const other = fitting.length > 0 ? fc.constantFrom(...fitting) : fc.string({ minLength: 1, maxLength: 8 });
  if (isEdge || known.length === 0) return other;
  return fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: other });
}

function candidates({ format, maxLength, minLength = 0 }: Schema): readonly string[] {
  if (format === "date-time") return DATE_TIMES;
  if (format === "date") return DATES;
  const ends = [minLength, maxLength ?? minLength].flatMap((length) => ["x".repeat(length), "1".repeat(length)]);
  return [...TEXTS, ...ends];
}

function fits({ pattern, minLength = 0, maxLength = Infinity, format }: Schema, each: string): boolean {
  if (format === "uuid" && !/^[\da-f-]{36}$/i.test(each)) return false;
  // As JSON Schema counts.
  const { length } = Array.from(each);
  if (length < minLength || length > maxLength) return false;
  return pattern === undefined || new RegExp(pattern, "u").test(each);
}

function number({ type, minimum, exclusiveMinimum, maximum = WHOLE_MAX }: Schema, { isEdge }: How): Arbitrary<unknown> {
  const least = minimum ?? exclusiveMinimum ?? 0;
  if (isEdge) return fc.constantFrom(minimum ?? least + 1, maximum, ...(type === "number" ? [0.1, 1e-12, 1e-7] : []));
  return fc.integer({ min: Math.ceil(least) + (minimum === undefined ? 1 : 0), max: Math.min(maximum, WHOLE_MAX) });
}

function array({ items = {}, minItems = 0, maxItems = ITEMS_MAX }: Schema, name: string, how: How): Arbitrary<unknown> {
  const item = value(items, name, how);
  const few = fc.array(item, { minLength: minItems, maxLength: Math.max(minItems, Math.min(maxItems, ITEMS_MAX)) });
  if (!how.isEdge) return few;
  // As many as there may be, and one more: all the same, since it is their number that matters.
  const many = fc.constantFrom(maxItems, maxItems + 1);
  const full = fc.tuple(item, many).map(([one, count]) => Array.from({ length: count }, () => one));
  return fc.oneof({ weight: 8, arbitrary: few }, { weight: 1, arbitrary: full });
}

function object({ properties = {}, required = [], additionalProperties }: Schema, how: How): Arbitrary<unknown> {
  const optional = Object.keys(properties).filter((name) => !required.includes(name));
  const more =
    additionalProperties === true
      ? fc.dictionary(fc.constantFrom(...TEXTS), anything(), { maxKeys: 3 })
      : fc.constant({});
  const chosen = fc.subarray(optional, {
    maxLength: how.isEdge ? optional.length : Math.min(OPTIONAL_MAX, optional.length),
  });
  const own = chosen.chain((names) =>
    fc.tuple(
      ...[...required, ...names].map((name) =>
        value(properties[name] ?? {}, name, how).map((one) => [name, one] as const),
      ),
    ),
  );
  return fc
    .tuple(own, fc.option(more, { nil: {}, freq: 3 }))
    .map(([fields, rest]) => Object.fromEntries([...Object.entries(rest), ...fields]));
}
