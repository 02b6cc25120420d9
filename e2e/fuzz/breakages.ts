/** Ways to break a request: its token, its address, its headers, its body, and HTTP itself. */
import { body } from "./broken-bodies.ts";
import { at, NO_HOST, type Breakage, type Draft } from "./draft.ts";

const utf8 = (text: string) => Buffer.from(text).toString("latin1");
const without = ({ headers }: Draft, name: string) => headers.filter(([one]) => one !== name);

/** A header set to one of these values, in the place of what it was. */
function header(way: string, name: string, values: readonly string[]): Breakage {
  return {
    way,
    apply: (draft, n) => ({ ...draft, headers: [...without(draft, name), [name, at(values, n)]] }),
  };
}

const ODD_BYTES = [
  "",
  " ",
  "\t",
  "\u0080\u00ff",
  utf8("ключ"),
  utf8("🔑"),
  utf8("\u0085"),
  utf8("\u2028"),
  "%0d%0aX-Injected:%201",
];
const LONG = ["x".repeat(255), "x".repeat(256), "x".repeat(8_000)];

const forged: Breakage = {
  way: "token",
  apply: (draft, n, { forged: tokens }) => ({
    ...draft,
    isForged: true,
    headers: [...without(draft, "authorization"), ["authorization", at(tokens, n)]],
  }),
};

const twoTokens: Breakage = {
  way: "two tokens",
  apply: (draft, _n, { tokens }) => ({
    ...draft,
    // Node takes the first, so this is still the one who asked, or nobody who has become somebody.
    headers: draft.who === "nobody" ? draft.headers : [...draft.headers, ["authorization", `Bearer ${tokens.admin}`]],
  }),
};

const PATHS: readonly ((path: string) => string)[] = [
  (path) => `${path}/`,
  (path) => `/${path}`,
  (path) => path.toUpperCase(),
  (path) => path.replace("/api", "/api/../api"),
  (path) => path.replace(/\/(?=[^/]*$)/, "%2f"),
  (path) => path.replace(/\/(?=[^/]*$)/, "/./"),
  (path) => path.replace(/\/(?=[^/]*$)/, "\\"),
  (path) => path.replace(/[^/]*$/, "%00"),
  (path) => path.replace(/[^/]*$/, "%ff"),
  (path) => path.replace(/[^/]*$/, "%"),
  (path) => path.replace(/[^/]*$/, "%252e%252e"),
  (path) => path.replace(/[^/]*$/, ".."),
  (path) => path.replace(/[^/]*$/, utf8("é")),
  (path) => path.replace(/[^/]*$/, "__proto__"),
  (path) => path.replace(/[^/]*$/, "x".repeat(6_000)),
  (path) => `${path};a=b`,
  (path) => `${path}%20`,
  (path) => `${path}.json`,
  (path) => `${path}/..`,
  (path) => `http://fuzz${path}`,
  (path) => `http://user:password@fuzz${path}`,
  (path) => `https://elsewhere.example${path}?x=1`,
  () => "*",
  () => "/",
  () => "//",
  () => "http://[",
  () => "/api/v1/credits",
  () => "/api/v1/credits/",
  () => "/api/v1/",
];

const path: Breakage = {
  way: "path",
  apply: (draft, n) => {
    const [own = "", ...query] = draft.target.split("?");
    const target = [at(PATHS, n)(own), ...query].join("?");
    // Bytes beyond ASCII, or without a slash at the beginning, need be no address.
    return { ...draft, target, isBare: draft.isBare || !/^\/[!-~]*$/.test(target) };
  },
};

const QUERIES = [
  [
    "user_id=a&user_id=b",
    "limit=1&limit=2",
    "user_id[]=a",
    "user_id[a]=b",
    "limit[]=1",
    "__proto__=1",
    "constructor=1",
  ],
  [
    "__proto__[admin]=1",
    "%ff=1",
    "user_id=%ff",
    "user_id=%00",
    "user_id=%",
    "limit=%ed%a0%80",
    "&&&",
    "=",
    "?",
    "a=b=c",
  ],
  ["limit=0", "limit=-1", "limit=1.5", "limit=1e3", "limit=501", "limit=99999999999999999999", "limit=", "limit=true"],
  ["offset=10001", "offset=-1", "cursor=-1", "cursor=9223372036854775808", "cursor=999999999999999999", "cursor=x"],
  ["user_id=", "colour=red", "USER_ID=a", "access_token=x", "as_of=now", "start_date=2026-13-01", "active_only=1"],
].flat();

const query: Breakage = {
  way: "query",
  apply: (draft, n) => {
    const more = n % 7 === 0 ? `q=${"x".repeat(7_000)}` : at(QUERIES, n);
    return { ...draft, target: `${draft.target}${draft.target.includes("?") ? "&" : "?"}${more}` };
  },
};

const METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "PURGE", "M-SEARCH"];
const method: Breakage = {
  way: "method",
  apply: (draft, n) => ({ ...draft, method: at(METHODS, n) }),
};

/** What is no HTTP: it is answered on the bare connection, or with a refusal like any other. */
const FRAMES: readonly ((draft: Draft) => Partial<Draft>)[] = [
  (draft) => ({ method: draft.method.toLowerCase() }),
  () => ({ method: "NONSENSE" }),
  (draft) => ({ target: draft.target.replace(/$/, " x") }),
  (draft) => ({ target: `${draft.target}\u0001` }),
  (draft) => ({ headers: [...draft.headers, ["x-a", "b\r\nx-injected\u0000: 1"]] }),
  (draft) => ({ headers: [...draft.headers, ["x-a", "b\u0000c"]] }),
  (draft) => ({ headers: [...draft.headers, ["x-a", "b\nx-b: c"]] }),
  (draft) => ({ headers: [...draft.headers, ["x-a", "b\rx-b: c"]] }),
  (draft) => ({ headers: [...draft.headers, ["x a", "b"]] }),
  (draft) => ({ headers: [...draft.headers, ["", "b"]] }),
  (draft) => ({ headers: [...draft.headers, ["x-long", "x".repeat(20_000)]] }),
  (draft) => ({ headers: [...draft.headers, ...Array.from({ length: 3_000 }, (_, i) => [`x-${i}`, ""] as const)] }),
  (draft) => ({ headers: [...draft.headers, ["content-length", "-1"]], body: undefined }),
  (draft) => ({ headers: [...draft.headers, ["content-length", "0"], ["content-length", "1"]], body: undefined }),
  (draft) => ({ headers: [...draft.headers, ["content-length", "2"], ["transfer-encoding", "chunked"]] }),
  (draft) => ({ headers: [...draft.headers, ["transfer-encoding", "gzip"]], body: undefined }),
  (draft) => ({ headers: [...draft.headers, ["transfer-encoding", "chunked"]], body: Buffer.from("nonsense\r\n\r\n") }),
  (draft) => ({
    headers: [...draft.headers, ["transfer-encoding", "chunked"]],
    body: Buffer.from("ffffffffffffffffff\r\n\r\n"),
  }),
  (draft) => ({ headers: [["host", "a"], ["host", "b"], ...draft.headers] }),
  (draft) => ({ headers: [["host", NO_HOST], ...draft.headers] }),
];

const frame: Breakage = {
  way: "frame",
  apply: (draft, n) => ({ ...draft, ...at(FRAMES, n)(draft), isBare: true }),
};

/** In parts, as a client sends what it does not know the length of. */
const chunked: Breakage = {
  way: "chunked",
  apply: (draft) => ({ ...draft, headers: [...without(draft, "transfer-encoding"), ["transfer-encoding", "chunked"]] }),
};

// prettier-ignore
const HEADERS: readonly Breakage[] = [
  header("content-type", "content-type", ["text/plain", "application/jsonp", "application/json;charset=utf-16", "application/json; charset=\"utf-8\"", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "", "/", "application/json,text/plain", ...ODD_BYTES]),
  header("content-encoding", "content-encoding", ["gzip", "br", "deflate", "lzma", "identity", "gzip, gzip", "x".repeat(300)]),
  header("key", "idempotency-key", [...ODD_BYTES, ...LONG, '"', '"a', '""', '"a"b"', '"a\\"b"', "k1", "__proto__"]),
  header("request id", "x-request-id", [...ODD_BYTES, ...LONG, "a:b", "../x"]),
  header("trace", "traceparent", [...ODD_BYTES, "00-00000000000000000000000000000000-0000000000000000-00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", "x".repeat(4_000)]),
  header("trace state", "tracestate", [...ODD_BYTES, "a=b", "a=b,".repeat(100), `a=${utf8("é")}`, "=", "a@b@c=d"]),
  header("payer", "x-tollbooth-key", [...ODD_BYTES, "byok", "managed", "BYOK", "byok, managed"]),
  header("accept", "accept", ["text/html", "*/*;q=x", ...ODD_BYTES]),
  header("expect", "expect", ["100-continue", "the-unexpected"]),
  header("upgrade", "upgrade", ["h2c", "websocket"]),
  header("range", "range", ["bytes=0-1", "bytes=9-1,,", "x"]),
  header("condition", "if-none-match", ["*", "\"x\"", "W/\"x\""]),
  header("forwarded", "x-forwarded-for", ["127.0.0.1", "x", "::1, ::2", `${"1.1.1.1,".repeat(500)}1`, ...ODD_BYTES]),
  header("override", "x-http-method-override", ["DELETE", "PUT"]),
  header("host", "host", ["", "a b", "evil.example:99999", utf8("é"), "x".repeat(3_000)]),
  header("origin", "origin", ["null", "https://evil.example", ...ODD_BYTES]),
];

/** Every way there is. Those of the body and the token come more often, since there is most to get wrong. */
export const BREAKAGES: readonly Breakage[] = [
  ...Array.from({ length: 8 }, (): Breakage[] => [...body]).flat(),
  ...Array.from({ length: 3 }, () => forged),
  ...Array.from({ length: 3 }, () => path),
  ...Array.from({ length: 3 }, () => query),
  ...Array.from({ length: 2 }, () => method),
  ...Array.from({ length: 2 }, () => frame),
  twoTokens,
  chunked,
  ...HEADERS,
];
