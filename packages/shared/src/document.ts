/** What every document that is made from the contracts needs: their schemas as JSON Schema 2020-12, names, who may ask. */
import { z } from "zod";
import type { Access } from "./contract.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

const SHARED = "#/components/schemas/";
/** How long texts of these formats are. */
const CHARS: Readonly<Record<string, number>> = { uuid: 36, date: 10 };

/** The schemas of one document. What has a name (`meta({ id })`) is written once, and referred to by the others. */
export class SchemaBook {
  /** By their names; complete when all schemas of the document have been asked for. */
  readonly named: Record<string, JsonSchema> = {};

  /** The schema of what goes over the wire: a request before it is parsed, an answer as it is sent. */
  of(schema: z.ZodType): JsonSchema {
    const { $defs = {}, properties } = z.toJSONSchema(z.object({ it: schema }), {
      io: "input",
      // A transform that nothing can be said of is a mistake in a contract; here it only makes its schema say nothing.
      unrepresentable: "any",
      override: ({ zodSchema, jsonSchema }) => this.#onTheWire(zodSchema, jsonSchema),
    });
    for (const [name, found] of Object.entries($defs))
      if (!isUnnamed(name)) this.named[name] ??= plain(found) as JsonSchema;
    return plain(properties?.["it"]) as JsonSchema;
  }

  /** Puts what `wire` says in the place of what zod could see. */
  #onTheWire(schema: z.core.$ZodType, jsonSchema: Record<string, unknown>): void {
    const { wire, description } = z.globalRegistry.get(schema) ?? {};
    // oxlint-disable-next-line no-underscore-dangle -- zod's own name for what a schema was made from
    const { parent } = schema._zod;
    const isParents = parent !== undefined && wire === z.globalRegistry.get(parent)?.["wire"];
    if (wire === undefined) return;
    // A schema with a name, described anew where it is used: the name says the rest.
    const isNamed = isParents && "$ref" in jsonSchema;
    for (const key of Object.keys(jsonSchema))
      if (!isNamed || !["$ref", "description"].includes(key)) delete jsonSchema[key];
    if (isNamed) return;
    if (description !== undefined) jsonSchema["description"] = description;
    Object.assign(jsonSchema, wire instanceof z.ZodType ? this.of(wire) : wire);
  }
}

/** zod numbers what refers to itself without a name: of ours only z.json() does, which is any JSON. */
function isUnnamed(name: string): boolean {
  return name.startsWith("__");
}

/** The same without what says nothing, and with references into the document. */
function plain(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(plain);
  if (typeof node !== "object" || node === null) return node;
  const schema = node as Record<string, unknown>;
  const reference = typeof schema["$ref"] === "string" ? schema["$ref"].replace("#/$defs/", "") : undefined;
  if (reference !== undefined && isUnnamed(reference)) return {};
  const kept = Object.entries(schema).filter(([key, value]) => !saysNothing(schema, key, value));
  const result: Record<string, unknown> = Object.fromEntries(kept.map(([key, value]) => [key, plain(value)]));
  if (reference !== undefined) result["$ref"] = reference.startsWith("#") ? reference : SHARED + reference;
  if (typeof schema["pattern"] === "string" && "pattern" in result) result["pattern"] = portable(schema["pattern"]);
  if (schema["type"] === "integer") result["format"] = "int64";
  const chars = CHARS[String(schema["format"])];
  if (chars !== undefined) result["maxLength"] = chars;
  return result;
}

/** A pattern for readers that know no classes of Unicode. Half a surrogate pair is no character: no text of theirs has one. */
function portable(pattern: string): string {
  return pattern.replaceAll(String.raw`\p{Cs}`, "").replaceAll(String.raw`\0`, String.raw`\u0000`);
}

/** Bounds that every whole number of JavaScript has, patterns that a format already tells. */
function saysNothing(schema: Record<string, unknown>, key: string, value: unknown): boolean {
  if (key === "minimum" || key === "maximum") return Math.abs(value as number) === Number.MAX_SAFE_INTEGER;
  if (key === "propertyNames") return (value as JsonSchema)["pattern"] === undefined;
  return key === "pattern" && String(schema["format"]) in CHARS;
}

/** The name of what a subject is for, as programs write names: "usage.by-model" is usageByModel. */
export function nameOf(subject: string): string {
  return subject.replaceAll(/[.-](\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Who may ask a command, for people. */
export function whoMayAsk(access: Access): string {
  if (access === "public") return "For anybody; a token is not needed.";
  if (access === "internal") return "For our own services and reporters, by the broker's permissions.";
  return `For the ${access.length > 1 ? "roles" : "role"} ${access.join(" and ")}; an admin may always ask.`;
}
