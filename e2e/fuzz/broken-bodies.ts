/** Bodies that no client should send: fields that are wrong, fields that are not ours to say, and text that is no JSON. */
import { at, type Breakage } from "./draft.ts";
import { TEXTS } from "./texts.ts";

/** What a field is given in the place of what it takes. JSON.parse makes `__proto__` a field like any other. */
const NUMBERS = [0, -0, -1, 1, 0.1, 1.5, 1e-13, 1e15, 1e308, 2 ** 53, 2 ** 32, -(2 ** 31) - 1];
const OBJECTS = ['{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{"admin":true}}}', '{"toString":"x"}'];
const OTHERS = [null, true, false, [], {}, [[]], [null], ["a"], { $gt: "" }, { toJSON: "x" }, nested(31), nested(40)];
const JUNK: readonly unknown[] = [
  ...TEXTS,
  ...NUMBERS,
  ...OBJECTS.map((text) => JSON.parse(text) as unknown),
  ...OTHERS,
  Array.from({ length: 2_000 }, () => 0),
  Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, i])),
  "x".repeat(5_000),
  "\u0000".repeat(50),
  "💥".repeat(2_000),
  { type: "image_url", image_url: { url: "data:," } },
];

function nested(levels: number): unknown {
  return levels === 0 ? 1 : { a: nested(levels - 1) };
}

/** Fields that say what only the platform says, or that mean something to JavaScript, or to OpenRouter. */
const FIELDS = [
  ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "", "a\u0000", "\ud800", "$where", "length"],
  ["user_id", "roles", "role", "sub", "is_admin", "balance", "actor", "byok", "hold_id", "source", "charged", "id"],
  ["metadata", "event_id", "occurred_at", "cost", "provider_cost", "tokens", "quantity", "unit", "is_free"],
  ["stream", "n", "user", "max_tokens", "max_completion_tokens", "tools", "plugins", "models", "provider", "messages"],
].flat();

/** Bytes that replace a body. */
// prettier-ignore
const TEXT_BODIES: readonly (() => Buffer)[] = [
  () => Buffer.alloc(0),
  ...["{", "}", "[", "{}{}", "{'a':1}", '{"a":1,}', "{a:1}", "nonsense", "null", "true", "1", '"text"', "[]", "[{}]", "NaN"].map((text) => () => Buffer.from(text)),
  ...['{"a":01}', '{"a":1e999}', '{"a":-1e999}', '{"a":"\\x"}', '{"a":"\\u12"}', '{"a":"\\ud800"}', '{"a":"\\u0000"}', '{"a\\u0000":1}', "// a\n{}", "\u0000"].map((text) => () => Buffer.from(text)),
  () => Buffer.from('{"a":"\n"}'),
  () => Buffer.from("\ufeff{}"),
  () => Buffer.from("{}", "utf16le"),
  () => Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  () => Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
  () => Buffer.from([0xc0, 0x80]),
  () => Buffer.from("[".repeat(49_000)),
  () => Buffer.from("[".repeat(49_000) + "]".repeat(49_000)),
  () => Buffer.from(`${'{"a":'.repeat(16_000)}1${"}".repeat(16_000)}`),
  () => Buffer.from(`{"model":"openai/gpt-4o-mini","messages":${"[".repeat(40_000)}${"]".repeat(40_000)}}`),
  () => Buffer.from(`{"a":${"9".repeat(90_000)}}`),
  () => Buffer.from(`{"a":"${"\\".repeat(90_000)}"}`),
  () => Buffer.from(`{${Array.from({ length: 10_000 }, (_, i) => `"${i}":0`).join(",")}}`),
  () => Buffer.from(" ".repeat(100_000)),
  () => Buffer.from(" ".repeat(100_001)),
  () => Buffer.from(`{"a":"${"x".repeat(120_000)}"}`),
  () => Buffer.from(" ".repeat(1_000_001)),
];

const text: Breakage = {
  way: "body text",
  apply: (draft, n) => ({ ...draft, body: at(TEXT_BODIES, n)(), said: undefined }),
};

/** One byte is another, or is missing, or the end is. */
const bytes: Breakage = {
  way: "body bytes",
  apply: (draft, n) => {
    const { body: own = Buffer.from("{}") } = draft;
    const place = own.length === 0 ? 0 : n % own.length;
    const ways = [
      () => own.subarray(0, place),
      () => Buffer.concat([own.subarray(0, place), own.subarray(place + 1)]),
      () => Buffer.concat([own.subarray(0, place), Buffer.from([n % 256]), own.subarray(place)]),
      () => Buffer.concat([own, own]),
      // Of a field that comes twice the last one counts.
      () => Buffer.from(own.toString().replace(/^\{/, '{"user_id":"a","amount":"1","amount":"2",')),
    ];
    return { ...draft, body: at(ways, n >>> 3)(), said: undefined };
  },
};

const field = (way: string, change: (said: object, names: readonly string[], n: number) => object): Breakage => ({
  way,
  apply: (draft, n) => {
    const said = typeof draft.said === "object" && draft.said !== null ? draft.said : {};
    const changed = change(said, Object.keys(said), n);
    const sends = draft.body !== undefined || draft.method === "POST";
    return sends ? { ...draft, said: changed, body: Buffer.from(JSON.stringify(changed)) } : draft;
  },
});

/** The same with a field set: also one that is called `__proto__`. */
function having(said: object, name: string, value: unknown): object {
  return Object.fromEntries([...Object.entries(said).filter(([one]) => one !== name), [name, value]]);
}

const wrong = field("wrong field", (said, names, n) =>
  names.length === 0 ? said : having(said, at(names, n), at(JUNK, n >>> 4)),
);
const missing = field("missing field", (said, names, n) =>
  Object.fromEntries(Object.entries(said).filter(([name]) => name !== at(names, n))),
);
const more = field("one more field", (said, _names, n) => having(said, at(FIELDS, n), at(JUNK, n >>> 6)));
/** Something inside a field is wrong: an item of a list, a field of metadata. */
const deep = field("wrong inside", (said, names, n) => {
  const name = names.find((one) => typeof (said as Record<string, unknown>)[one] === "object") ?? "metadata";
  const inner = (said as Record<string, unknown>)[name];
  const value = at(JUNK, n >>> 5);
  const changed = Array.isArray(inner)
    ? [...(inner as unknown[]), value, having((inner[0] ?? {}) as object, at(FIELDS, n), value)]
    : having(inner ?? {}, at(FIELDS, n), value);
  return having(said, name, changed);
});

/** All of them. */
export const body: readonly Breakage[] = [wrong, wrong, more, deep, missing, text, bytes];
