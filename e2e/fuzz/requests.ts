/** Requests for what the document tells of: good, at the ends of what is taken, or broken in one way or two. */
import fc, { type Arbitrary } from "fast-check";
import { BREAKAGES } from "./breakages.ts";
import type { Cast, Who } from "./cast.ts";
import type { Breakage, Draft } from "./draft.ts";
import type { Operation, Parameter } from "./operations.ts";
import { edge, good, type Words } from "./values.ts";

const WHO: readonly Who[] = ["nobody", "user", "other", "admin", "service"];
/** Of ten requests so many are broken, the others good or at an end. */
const SHARE = { plain: 3, edge: 2, broken: 5 };
/** A coupon that is made is a new one, and a problem's code is no coupon's. */
const OWN_WORDS = new Set(["couponsCreate", "problem"]);
const KEYS = ["k1", "k2", "k3", '"k1"'];

/** Each operation as its example in the document, asked by each of them. */
export function examples(operations: readonly Operation[], cast: Cast): Draft[] {
  return operations.flatMap((operation) =>
    WHO.map((who) => {
      // What a DELETE ends is not what the others use.
      const at = operation.method === "DELETE" ? -1 : 0;
      const named = (name: string, otherwise: unknown) =>
        OWN_WORDS.has(operation.name) && name === "code" ? otherwise : (cast.words[name]?.at(at) ?? otherwise);
      const values = operation.parameters
        .filter(({ required, in: place }) => required === true && place !== "header")
        .map((one) => [one, named(one.name, one.example)] as const);
      const said = told(operation, named);
      return draft({ operation, who, values, said, keys: [] }, cast, "example");
    }),
  );
}

/** The example of a body with names of who and what is there. */
function told({ example }: Operation, named: (name: string, otherwise: unknown) => unknown): unknown {
  if (typeof example !== "object" || example === null) return example;
  return Object.fromEntries(Object.entries(example).map(([key, value]) => [key, named(key, value)]));
}

/** Any request for an operation, by anybody. */
export function drafts(operation: Operation, cast: Cast): Arbitrary<Draft> {
  const from = (of: typeof good, way: string) => asked(operation, cast, of, way);
  const sound = fc.oneof(
    { weight: SHARE.plain, arbitrary: from(good, "plain") },
    { weight: SHARE.edge, arbitrary: from(edge, "edge") },
  );
  const breakage = fc.constantFrom<Breakage>(...BREAKAGES);
  const broken = fc
    .tuple(sound, breakage, fc.option(breakage, { nil: undefined, freq: 4 }), fc.nat(), fc.nat())
    .map(([one, first, second, n, m]) => {
      const once = first.apply(one, n, cast);
      const ways = [first.way, ...(second === undefined ? [] : [second.way])];
      return { ...(second?.apply(once, m, cast) ?? once), ways };
    });
  return fc.oneof({ weight: SHARE.plain + SHARE.edge, arbitrary: sound }, { weight: SHARE.broken, arbitrary: broken });
}

function asked(operation: Operation, cast: Cast, of: typeof good, way: string): Arbitrary<Draft> {
  const { words } = cast;
  const said = operation.body === undefined ? fc.constant(undefined) : bodies(operation, of, words);
  const values = fc
    .tuple(...operation.parameters.filter(({ in: place }) => place !== "header").map((one) => stated(one, of, words)))
    .map((all) => all.filter((one) => one !== undefined));
  const keys = fc.option(fc.constantFrom(...KEYS), { nil: undefined, freq: 4 });
  return fc
    .tuple(fc.constantFrom(...WHO), values, said, keys)
    .map(([who, all, body, key]) =>
      draft({ operation, who, values: all, said: body, keys: key === undefined ? [] : [key] }, cast, way),
    );
}

function bodies({ body = {}, example }: Operation, of: typeof good, words: Words): Arbitrary<unknown> {
  const made = of(body, "", words);
  return example === undefined || of === edge ? made : fc.oneof(fc.constant(example), made);
}

type Stated = readonly [Parameter, unknown];

function stated(parameter: Parameter, of: typeof good, words: Words): Arbitrary<Stated | undefined> {
  const one = of(parameter.schema, parameter.name, words).map((value): Stated => [parameter, value]);
  return parameter.required === true ? one : fc.option(one, { nil: undefined, freq: 1 });
}

interface Parts {
  readonly operation: Operation;
  readonly who: Who;
  readonly values: readonly Stated[];
  readonly said: unknown;
  readonly keys: readonly string[];
}

function draft({ operation, who, values, said, keys }: Parts, cast: Cast, way: string): Draft {
  const inPath = Object.fromEntries(
    values.filter(([{ in: place }]) => place === "path").map(([{ name }, value]) => [name, encoded(value)]),
  );
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => inPath[name] ?? "x");
  const query = values
    .filter(([{ in: place }]) => place === "query")
    .map(([{ name }, value]) => `${name}=${encoded(value)}`)
    .join("&");
  const token = cast.tokens[who];
  return {
    operation,
    who,
    method: operation.method,
    target: query === "" ? path : `${path}?${query}`,
    headers: [
      ...(token === undefined ? [] : [["authorization", `Bearer ${token}`] as const]),
      ...(operation.body === undefined ? [] : [["content-type", "application/json"] as const]),
      ...keys.map((key) => ["idempotency-key", key] as const),
    ],
    body: said === undefined ? undefined : Buffer.from(JSON.stringify(said)),
    said,
    ways: [way],
    isForged: false,
    isBare: false,
  };
}

/** Percent-encoded; half a surrogate pair, which has no encoding, as the bytes that it would have. */
function encoded(value: unknown): string {
  try {
    return encodeURIComponent(String(value));
  } catch {
    return "%ed%a0%80";
  }
}
