/** Texts that have broken programs: where an amount, a time, a name or a number ends, and what looks like something else. */

const AMOUNTS = [
  ["0", "00", "1", "1.50", "-0", "-1", "+1", ".5", "5.", "1,5", "1e3", "0x10", "NaN", "Infinity", "١"],
  ["0.000000000001", "0.0000000000001", "999999999.999999999999", "999999999", "1000000000", "0.000000000000"],
  ["9007199254740993", "9".repeat(18), "9".repeat(40), `0.${"0".repeat(30)}1`],
].flat();

const TIMES = [
  ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z"],
  ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-23:59", "9998-12-31T23:59:59Z", "+010000-01-01T00:00:00Z"],
  ["2024-02-29T12:00:00.123456789Z", "2026-06-30T23:59:60Z", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z"],
  ["0000-01-01", "0001-01-01", "1969-12-31", "1970-01-01", "2024-02-29", "2023-02-29", "9998-12-31", "9999-12-31"],
].flat();

const NAMES = [
  ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then", "null", "undefined", "true"],
  ["a", "A", "abc", " ", "  a", "a ", "é", "ß", "ﬀ", "İ", "🔑", "a\u0301", "\u202e", "\u2028", "\ufeff", "\u00a0"],
  [
    "' or 1=1 --",
    '"; drop table outbox; --',
    "$1",
    "%s",
    "${x}",
    "{{7*7}}",
    "../../etc/passwd",
    "<script>alert(1)</script>",
  ],
  ["=1+1", "a,b", "a;b", "a/b", "a?b", "a#b", "a%00b", "%2e%2e", "usage.report.>", "*", ">", "_INBOX.x"],
].flat();

const ENDS = [
  "",
  "a\u0000b",
  "\u0000",
  "a\u0001b",
  "a\r\nb",
  "a\nX-Injected: 1",
  "\u007f",
  "\u0085",
  "\ud800",
  "\udc00a",
];

const LENGTHS = [1, 3, 16, 36, 43, 64, 65, 128, 129, 254, 255, 256, 500, 501, 512, 513];
const LONG = LENGTHS.flatMap((length) => ["x".repeat(length), "9".repeat(length), "🔑".repeat(length)]);

const KINDS = [
  [
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "01A20316-71EF-7040-8EB3-52B993B4A98B",
  ],
  ["a@example.com", "a+b@sub.example.com", "a@b", "@", `${"a".repeat(240)}@example.com`, `${"a.".repeat(120)}@x`],
  // No whole key: the audit would find it where it is kept as a text like any other.
  ["sk-or-v1-", "sk-or-v1-short", "en", "true", "false"],
].flat();

/** All of them. */
export const TEXTS: readonly string[] = [...AMOUNTS, ...TIMES, ...NAMES, ...ENDS, ...LONG, ...KINDS];

/** Times that a schema takes, from the first to the last. */
export const DATE_TIMES = TIMES.filter((text) => text.includes("T"));
export const DATES = TIMES.filter((text) => !text.includes("T"));
