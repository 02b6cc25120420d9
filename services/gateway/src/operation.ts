/** One route as the document tells it, from its contract. */
import type { Command } from "@tollbooth/shared/contract";
import { examples } from "@tollbooth/shared/contracts/examples";
import { nameOf, whoMayAsk, type JsonSchema, type SchemaBook } from "@tollbooth/shared/document";
import type { Mounted } from "./openapi.ts";
import { headerRefs, refusalsOf, type Refusals } from "./refusals.ts";

const AMOUNT = "^-?\\d{1,16}\\.\\d{12}$";

/** The headers of answers. */
export const HEADERS: Readonly<Record<string, JsonSchema>> = {
  "X-Request-Id": header("The id of the request: the one it came with, or a new one.", {
    required: true,
    schema: { type: "string", pattern: "^[\\w.:-]{1,128}$" },
  }),
  "Cache-Control": header("No cache may keep the answer.", {
    required: true,
    schema: { type: "string", const: "no-store" },
  }),
  RateLimit: header("How many requests the user and the address have left (`r`), and in how many seconds more (`t`).", {
    schema: { type: "string", pattern: '^"(user|address)";r=\\d+;t=\\d+(, "(user|address)";r=\\d+;t=\\d+)*$' },
    example: '"address";r=19999;t=10, "user";r=999;t=10',
  }),
  "RateLimit-Policy": header("The limits: so many requests (`q`) in so many seconds (`w`).", {
    schema: { type: "string", pattern: '^"(user|address)";q=\\d+;w=\\d+(, "(user|address)";q=\\d+;w=\\d+)*$' },
    example: '"address";q=20000;w=10, "user";q=1000;w=10',
  }),
  "Retry-After": header("Seconds after which trying again makes sense.", {
    required: true,
    schema: { type: "string", pattern: "^[1-9]\\d*$" },
    example: "1",
  }),
  "WWW-Authenticate": header("How to say who asks (RFC 6750).", {
    required: true,
    schema: { type: "string", pattern: '^Bearer realm="tollbooth"(, error="invalid_token")?$' },
  }),
  "Idempotency-Replayed": header("This is the answer of an earlier request with the same Idempotency-Key.", {
    schema: { type: "string", const: "true" },
  }),
  Link: header("The next page, where there is one.", {
    schema: { type: "string", pattern: '^</[^>]*>; rel="next"$' },
  }),
  "X-Tollbooth-Request-Id": header("The request's name: of what was served, the id of its usage event.", {
    required: true,
    schema: { type: "string", pattern: "^(key:)?[0-9a-f-]{36,64}$" },
  }),
  "X-Tollbooth-Cost": header("What the request costs the caller's credits; missing where that is not known yet.", {
    schema: { type: "string", pattern: AMOUNT },
  }),
  "X-Tollbooth-Balance": header("What the caller may spend now; missing where that could not be asked.", {
    schema: { type: "string", pattern: AMOUNT },
  }),
  "X-Tollbooth-Key": header("Who paid: the caller's own key, or his credits by the platform's.", {
    schema: { type: "string", enum: ["byok", "managed"] },
  }),
  "X-Tollbooth-Affordable-Tokens": header("How long an answer all the caller's credits would have paid for.", {
    schema: { type: "string", pattern: "^\\d+$" },
  }),
  "X-Tollbooth-Free": header("The model is free.", { schema: { type: "string", const: "true" } }),
  "X-Should-Retry": header("Clients that repeat by themselves shall not: it may have been done.", {
    schema: { type: "string", const: "false" },
  }),
};

/** The header under which a POST is done once. */
export const IDEMPOTENCY_KEY: JsonSchema = {
  name: "Idempotency-Key",
  in: "header",
  description:
    "Repeated with the same key and content the request is done once, and answered with the first answer. Bare or in double quotes.",
  schema: { type: "string", minLength: 1, maxLength: 512, pattern: "^[^\\u0000-\\u001f\\u007f]+$" },
  example: "order-4711",
};

interface Parts {
  readonly command: Mounted;
  readonly tag: string;
  readonly book: SchemaBook;
  readonly refusals: Refusals;
  readonly bodyMaxBytes: number;
}

/** The operation of a command that has a route. */
export function operationOf({ command, tag, book, refusals, bodyMaxBytes }: Parts): JsonSchema {
  const { subject, summary, access, http } = command;
  const isPost = http.method === "post";
  const input = resolved(book, book.of(command.input));
  const parameters = isPost ? [{ $ref: "#/components/parameters/IdempotencyKey" }] : parametersOf(command, input);
  return {
    operationId: nameOf(subject),
    tags: [tag],
    summary,
    description: `${whoMayAsk(access)} Answered by the command \`${subject}\`.`,
    security: access === "public" ? [{}, { bearer: [] }] : [{ bearer: [] }],
    ...(parameters.length > 0 && { parameters }),
    ...(isPost && { requestBody: bodyOf(command, book, input, command.bodyMaxBytes ?? bodyMaxBytes) }),
    responses: { 200: resultOf(command, book, input), ...refusals.of(refusalsOf(command)) },
  };
}

/** The path's parameters and the query's: a GET or a DELETE states all its input there. */
function parametersOf(command: Mounted, { properties, required }: ObjectSchema): JsonSchema[] {
  const example = (examples[command.subject]?.input ?? {}) as JsonSchema;
  return Object.entries(properties ?? {}).map(([name, { description, ...schema }]) => {
    const isInPath = command.http.path.includes(`{${name}}`);
    return {
      name,
      in: isInPath ? "path" : "query",
      ...(description !== undefined && { description }),
      ...((isInPath || required?.includes(name)) && { required: true }),
      schema,
      ...(example[name] !== undefined && { example: example[name] }),
    };
  });
}

function bodyOf(command: Command, book: SchemaBook, { required = [] }: ObjectSchema, maxBytes: number): JsonSchema {
  return {
    description: `At most ${maxBytes.toLocaleString("en")} bytes of JSON in UTF-8.`,
    required: required.length > 0,
    content: { "application/json": { schema: book.of(command.input), ...shown(command, "input") } },
  };
}

function resultOf(command: Mounted, book: SchemaBook, { properties = {} }: ObjectSchema): JsonSchema {
  const isPost = command.http.method === "post";
  const own = [...(isPost ? ["Idempotency-Replayed"] : []), ...("cursor" in properties ? ["Link"] : [])];
  return {
    description: "Done.",
    headers: headerRefs(["X-Request-Id", "Cache-Control", "RateLimit", "RateLimit-Policy", ...own]),
    content: { "application/json": { schema: book.of(command.output), ...shown(command, "output") } },
  };
}

function shown({ subject }: Command, side: "input" | "output"): JsonSchema {
  const value = examples[subject]?.[side];
  return value === undefined ? {} : { examples: { [nameOf(subject)]: { value } } };
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
}

function resolved(book: SchemaBook, schema: JsonSchema): ObjectSchema {
  const name = typeof schema["$ref"] === "string" ? schema["$ref"].split("/").at(-1) : undefined;
  return name === undefined ? schema : (book.named[name] ?? schema);
}

function header(description: string, more: object): JsonSchema {
  return { description, ...more };
}
