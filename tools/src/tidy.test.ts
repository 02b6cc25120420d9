/** The repository's own rules. Each test names what it found, so that its failure says what to do. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./checkout.ts";
import { FORBIDDEN_NAMES, HOUSE, IMPURE, LINES_MAX, OWNERS, PURE_IMPORTS, PURE_SHARED, type Rooms } from "./house.ts";
import { isTest, readSources, type Source } from "./sources.ts";

const sources = readSources();
const programs = sources.filter(({ path }) => !isTest(path));
const services = Object.entries(HOUSE);

test("the repository is read", () => {
  expect(programs.length).toBeGreaterThan(50);
});

test("no file is named after its kind", () => {
  const found = sources.map(({ path }) => path).filter((path) => FORBIDDEN_NAMES.test(basename(path)));
  expect(found).toEqual([]);
});

test("a file is short, or a decision says why it is long", () => {
  const folder = join(ROOT, "docs/adr");
  const decisions = existsSync(folder)
    ? readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"))
    : [];
  const long = sources.filter(
    ({ path, text }) => text.split("\n").length > LINES_MAX && !decisions.some((adr) => adr.includes(path)),
  );
  expect(long.map(({ path }) => path)).toEqual([]);
});

test("what is exported says what it guarantees", () => {
  const bare =
    /(?<!\*\/)\n(export (?:async )?function \w+|export const \w+ = (?:async )?(?:<[^>]*>)?\([^)]*\)[^=]*=>)/g;
  const found = programs.flatMap(({ path, text }) => [...text.matchAll(bare)].map(([, what]) => `${path}: ${what}`));
  expect(found).toEqual([]);
});

test.each(services)("every file of %s has a place in the house", (service, rooms) => {
  const known = new Set(Object.values(rooms).flat());
  expect(new Set(roomsOf(service).map(({ name }) => name))).toEqual(known);
});

test.each(services)("imports of %s point downwards", (service, rooms) => {
  const found = roomsOf(service).flatMap(({ name, source }) =>
    source.imports
      .filter(({ file, isType }) => file !== undefined && !isType && floor(rooms, name) > floor(rooms, roomName(file)))
      .map(({ from }) => `${name} -> ${from}`),
  );
  expect(found).toEqual([]);
});

test("a service imports no other service, and nothing by a way around", () => {
  const found = programs
    .filter(({ path }) => /^(services|packages)\//.test(path))
    .flatMap(({ path, imports }) => {
      const home = path.split("/").slice(0, 2).join("/");
      const isForeign = ({ from, file }: Source["imports"][number]) =>
        file === undefined
          ? from.startsWith("@tollbooth/") && !from.startsWith("@tollbooth/shared/")
          : !file.startsWith(`${home}/`);
      return imports.filter(isForeign).map(({ from }) => `${path} -> ${from}`);
    });
  expect(found).toEqual([]);
});

const pureFiles = [
  ...services.flatMap(([service, { pure }]) => pure.map((name) => `services/${service}/src/${name}.ts`)),
  ...PURE_SHARED.map((name) => `packages/shared/src/${name}.ts`),
];

test.each(pureFiles)("%s is a function of its arguments", (path) => {
  const { text, imports } = sourceOf(path);
  const impure = imports.filter(({ from, file, isType }) => {
    if (isType) return false;
    return file === undefined
      ? !isOneOf(PURE_IMPORTS, from) && path !== "packages/shared/src/money.ts"
      : !pureFiles.includes(file);
  });
  expect(impure.map(({ from }) => from)).toEqual([]);
  expect(IMPURE.exec(text)?.[0]).toBeUndefined();
});

test.each(Object.entries(OWNERS))("%s has one owner", (dependency, owner) => {
  const found = programs.filter(
    ({ path, imports }) => !owner.test(path) && imports.some(({ from }) => isOf(dependency, from)),
  );
  expect(found.map(({ path }) => path)).toEqual([]);
});

test("SQL stands in stores", () => {
  const found = services.flatMap(([service, { stores }]) =>
    roomsOf(service).filter(({ name, source }) => /\bsql`/.test(source.text) && !stores.includes(name)),
  );
  expect(found.map(({ source }) => source.path)).toEqual([]);
});

/** The gateway, OpenRouter's only client, and the fake OpenRouter. */
const SPEAKS_HTTP = /^services\/(gateway\/|openrouter\/src\/(client|fake|refusal)\.ts$)/;

test("only the gateway speaks HTTP, and who asks OpenRouter", () => {
  const words = /\bstatus(Code)?\b\W{1,4}[1-5]\d\d\b|\bres\.status\(/;
  const found = programs.filter(
    ({ path, text }) => /^(services|packages)\//.test(path) && !SPEAKS_HTTP.test(path) && words.test(text),
  );
  expect(found.map(({ path }) => path)).toEqual([]);
});

test("a room of shared serves two, or it lives with the one it serves", () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "packages/shared/package.json"), "utf8")) as {
    exports: object;
  };
  const rooms = new Set(Object.keys(exports).map((name) => sharedRoom(name.slice("./".length))));
  const lonely = [...rooms].filter((room) => !room.startsWith("contracts/") && usersOf(room).size < 2);
  expect(lonely).toEqual([]);
});

test("an end-to-end test asks through the harness, which holds each answer against the API's document", () => {
  const found = sources.filter(
    ({ path, text }) => path.startsWith("e2e/") && !path.startsWith("e2e/harness/") && /\bfetch\(/.test(text),
  );
  expect(found.map(({ path }) => path)).toEqual([]);
});

test("a test waits for a condition, never for a time", () => {
  const found = sources.filter(
    ({ path, text }) => path.endsWith(".test.ts") && /timers\/promises|\bsetTimeout\(/.test(text),
  );
  expect(found.map(({ path }) => path)).toEqual([]);
});

const runbook = join(ROOT, "docs/OPERATIONS.md");
test.each(services)("every setting of %s is in the runbook's table", async (service) => {
  const { settings } = (await import(join(ROOT, `services/${service}/src/config.ts`))) as { settings: object };
  const text = existsSync(runbook) ? readFileSync(runbook, "utf8") : "";
  expect(Object.keys(settings).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

test.each(services)("%s has a port for its metrics", async (service) => {
  const { settings } = (await import(join(ROOT, `services/${service}/src/config.ts`))) as { settings: object };
  const name = service.toUpperCase();
  const hint = `add ...metricsSettings("${name}") to its config.ts`;
  expect(`${name}_METRICS_PORT` in settings ? "" : hint).toBe("");
});

function roomsOf(service: string): { name: string; source: Source }[] {
  const folder = `services/${service}/src/`;
  return programs
    .filter(({ path }) => path.startsWith(folder))
    .map((source) => ({ name: roomName(source.path), source }));
}

function roomName(path: string): string {
  return basename(path, ".ts");
}

/** Counted from the top: main is 0. */
function floor(rooms: Rooms, name: string): number {
  return Object.values(rooms).findIndex((row: readonly string[]) => row.includes(name));
}

function sourceOf(path: string): Source {
  const found = sources.find((source) => source.path === path);
  if (found === undefined) throw new Error(`${path} is not there`);
  return found;
}

function isOneOf(patterns: readonly RegExp[], text: string): boolean {
  return patterns.some((pattern) => pattern.test(text));
}

function isOf(dependency: string, from: string): boolean {
  return from === dependency || from.startsWith(dependency.endsWith("/") ? dependency : `${dependency}/`);
}

/** "money" of packages/shared/src/money.ts; a folder is one room, except that each contract is one. */
function sharedRoom(path: string): string {
  const [first = "", second = ""] = path.replace("packages/shared/src/", "").replace(/\.ts$/, "").split("/");
  return first === "contracts" ? `contracts/${second}` : first;
}

/** The services, rooms of shared and other folders that import a room of shared. */
function usersOf(room: string): Set<string> {
  const users = new Set<string>();
  for (const { path, imports } of sources) {
    const isShared = path.startsWith("packages/shared/");
    const user = isShared
      ? sharedRoom(path)
      : path
          .split("/")
          .slice(0, path.startsWith("services/") ? 2 : 1)
          .join("/");
    const uses = imports.some(({ from, file }) =>
      isShared
        ? file !== undefined && sharedRoom(file) === room
        : from === `@tollbooth/shared/${room}` || from.startsWith(`@tollbooth/shared/${room}/`),
    );
    if (uses && user !== room) users.add(user);
  }
  return users;
}
