import { beforeAll, expect, test } from "vitest";
import { allocate, deduct, listTransactions } from "@tollbooth/shared/contracts/credits";
import { admin, newUser, PREFIX, somebody, type Person } from "../harness/person.ts";

type Line = Awaited<ReturnType<typeof linesOf>>[number];

const DEPTH = 10_000;
let user: Person;
let all: Line[];

/** Nine lines: the first grant, then four allocations and four deductions by turns. */
beforeAll(async () => {
  [user] = [await newUser()];
  const root = await admin();
  for (const amount of ["1", "2", "3", "4"]) {
    await root.ok(allocate, { user_id: user.sub, amount, source: "test" });
    await root.ok(deduct, { user_id: user.sub, amount, service: "test" });
  }
  all = await linesOf({});
});

function linesOf(query: object) {
  return user.ok(listTransactions, query);
}

/** Follows the Link headers from a first page to the end. */
async function pagesFrom(query: string): Promise<{ pages: Line[][]; links: string[] }> {
  const [pages, links]: [Line[][], string[]] = [[], []];
  let next: string | undefined = `/transactions?${query}`;
  while (next !== undefined) {
    const answer = await user.send("GET", next);
    pages.push(answer.json as Line[]);
    const link = answer.headers.get("link");
    if (link !== null) links.push(link);
    next = /^<(.*)>; rel="next"$/.exec(link ?? "")?.[1]?.replace(PREFIX, "");
  }
  return { pages, links };
}

test("lines come newest first, and each says the balance after it", async () => {
  expect(all.map(({ amount, balance_after }) => `${Number(amount)} ${Number(balance_after)}`)).toEqual([
    "-4 5",
    "4 9",
    "-3 5",
    "3 8",
    "-2 5",
    "2 7",
    "-1 5",
    "1 6",
    "5 5",
  ]);
  expect(new Set(all.map(({ id }) => id)).size).toBe(9);
  const times = all.map(({ created_at }) => created_at);
  expect(times).toEqual(times.toSorted().toReversed());
});

test.each([1, 2, 3, 4, 8, 9, 10])("pages of %i are all lines, once", async (limit) => {
  const { pages, links } = await pagesFrom(`limit=${limit}`);
  expect(pages.flat()).toEqual(all);
  expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
  expect(links).toHaveLength(Math.ceil(9 / limit) - 1);
});

test("the next page is the same question from where the page ended", async () => {
  const { pages, links } = await pagesFrom(`limit=2&offset=1&transaction_type=allocation&user_id=${user.sub}`);
  expect(pages.flat()).toEqual(all.filter(({ transaction_type }) => transaction_type === "allocation").slice(1));
  expect(links).toEqual([
    expect.stringMatching(
      new RegExp(
        `^<${PREFIX}/transactions\\?limit=2&transaction_type=allocation&user_id=${user.sub}&cursor=\\d+>; rel="next"$`,
      ),
    ),
  ]);
});

test("lines that are added meanwhile do not move the pages", async () => {
  const root = await admin();
  const other = somebody();
  for (const amount of [1, 2, 3]) await root.ok(allocate, { user_id: other, amount, source: "test" });
  const first = await root.ask(listTransactions, { user_id: other, limit: 2 });
  await root.ok(allocate, { user_id: other, amount: 4, source: "test" });
  const cursor = /cursor=(\d+)/.exec(first.headers.get("link") ?? "")?.[1];
  const second = await root.ok(listTransactions, { user_id: other, limit: 2, cursor });
  expect([...(first.json as Line[]), ...second].map(({ amount }) => Number(amount))).toEqual([3, 2, 1, 5]);
});

test("a list of one type holds that type only", async () => {
  for (const type of ["allocation", "usage", "bonus", "refund", "monthly_reset", "expiry", "adjustment"])
    expect(await linesOf({ transaction_type: type })).toEqual(all.filter((line) => line.transaction_type === type));
});

test("an offset skips lines, up to 10,000", async () => {
  expect(await linesOf({ offset: 7 })).toEqual(all.slice(7));
  expect(await linesOf({ offset: 3, limit: 2 })).toEqual(all.slice(3, 5));
  expect(await linesOf({ offset: DEPTH })).toEqual([]);
});

test.each([
  { limit: 0 },
  { limit: 501 },
  { limit: "abc" },
  { limit: "" },
  { limit: "1.5" },
  { limit: "-1" },
  { limit: "1e2" },
  { offset: DEPTH + 1 },
  { offset: -1 },
  { offset: "x" },
  { cursor: "" },
  { cursor: "abc" },
  { cursor: "-1" },
  { cursor: "1".repeat(19) },
  { transaction_type: "gift" },
  { transaction_type: "" },
])("a page of %o is refused, with the field's name", async (query) => {
  expect(await user.refused(listTransactions, query)).toMatchObject({
    status: 422,
    code: "invalid_request",
    errors: [{ path: Object.keys(query)[0] }],
  });
});

test("a page has 50 lines where no limit is said, and 500 at most", async () => {
  const [root, other] = [await admin(), somebody()];
  for (let sent = 0; sent < 60; sent += 20)
    await Promise.all(
      Array.from({ length: 20 }, () => root.ok(allocate, { user_id: other, amount: 1, source: "test" })),
    );
  expect(await root.ok(listTransactions, { user_id: other })).toHaveLength(50);
  expect(await root.ok(listTransactions, { user_id: other, limit: 500 })).toHaveLength(61);
});
