/** What comes from others comes by its hash, what is ours goes to nobody by mistake, and no file of ours holds a secret. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "./checkout.ts";

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: true;
  readonly name?: string;
  readonly hasInstallScript?: true;
}
interface Manifest {
  readonly private?: boolean;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const files = execFileSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8" }).split("\0").filter(Boolean);
const { packages } = JSON.parse(read("package-lock.json")) as { packages: Readonly<Record<string, Locked>> };
const foreign = Object.entries(packages).filter(([path, { link }]) => path.includes("node_modules/") && link !== true);
const manifests = files
  .filter((path) => /(^|\/)package\.json$/.test(path))
  .map((path) => ({ path, manifest: JSON.parse(read(path)) as Manifest }));

describe("the lock file", () => {
  test("takes every package by the hash of its content", () => {
    expect(foreign.length).toBeGreaterThan(100);
    expect(foreign.filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? ""))).toEqual([]);
  });

  test("takes none from an address of its own: from a repository, a file, or another registry", () => {
    const elsewhere = foreign.filter(
      ([, { resolved = "" }]) => !/^(https:\/\/registry\.npmjs\.org\/|$)/.test(resolved),
    );
    expect(elsewhere.map(([path]) => path)).toEqual([]);
  });

  test("takes none under another's name, but for those that their makers publish under two", () => {
    const renamed = foreign.filter(([path, { name }]) => name !== undefined && path !== `node_modules/${name}-cjs`);
    expect(renamed.map(([path]) => path)).toEqual([]);
  });

  test("links to nothing but our own folders", () => {
    const { workspaces = [] } = JSON.parse(read("package.json")) as Manifest;
    const links = Object.values(packages).filter(({ link }) => link === true);
    expect(links.map(({ resolved = "" }) => resolved).toSorted()).toEqual(workspaces.toSorted());
  });
});

test("what we depend on is pinned exactly", () => {
  const loose = manifests.flatMap(({ path, manifest }) =>
    Object.entries({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies })
      .filter(([name, version]) => !name.startsWith("@tollbooth/") && !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(([name, version]) => `${path}: ${name} ${version}`),
  );
  expect(loose).toEqual([]);
});

test("nothing that others wrote is run when it is installed", () => {
  const installs = files
    .filter((path) => /^(Dockerfile|tools\/.*\.mjs|\.ci\/run|compose.*\.yaml)$/.test(path))
    .flatMap(
      (path) =>
        read(path)
          .match(/npm"?,? (?:\["?)?(?:ci|install)\b.*-.*/g)
          ?.map((line) => `${path}: ${line}`) ?? [],
    );
  expect(installs.length).toBeGreaterThan(2);
  expect(installs.filter((line) => !line.includes("--ignore-scripts"))).toEqual([]);
});

test("nothing of ours can be published by mistake", () => {
  expect(manifests.filter(({ manifest }) => manifest.private !== true).map(({ path }) => path)).toEqual([]);
});

/** How secrets look that open something somewhere. */
const SECRETS: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\bAKIA[0-9A-Z]{16}\b/,
  /\bgh[pousr]_[A-Za-z0-9]{30,}/,
  /\bnpm_[A-Za-z0-9]{36}\b/,
  /\bxox[abprs]-[A-Za-z0-9-]{10,}/,
  // Seeds of the broker's users, and tokens.
  /\bS[UANOCX][A-Z2-7]{56}\b/,
  /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}/,
  // Keys of OpenRouter, OpenAI and Anthropic; passwords in addresses.
  /\bsk-(?:or-v1|proj|ant|live|svcacct)-[\w-]{16,}/,
  /\b[a-z]+:\/\/[^\s:@/`"'{}]+:[^\s@/`"'{}]{4,}@/,
];

/** What looks like one and opens nothing. */
// prettier-ignore
const KNOWN: readonly { readonly text: RegExp; readonly why: string }[] = [
  { text: /sk-or-v1-(?:0123456789abcdef|fedcba9876543210|fuzz-)/, why: "keys that only the fake OpenRouter takes, in examples and tests" },
  { text: /:hunter2@/,                                             why: "the password of tests that look for it in logs" },
  { text: /:p%40ss@|:pass@|:test@|:password@/,                                       why: "passwords of brokers that a test starts" },
];

test("no file of the repository holds a secret", () => {
  const found = files
    .filter((path) => path !== "tools/src/supply-chain.test.ts")
    .flatMap((path) => {
      const text = read(path);
      const told = SECRETS.flatMap((secret) => text.match(new RegExp(secret.source, "g")) ?? []);
      return told.filter((each) => !KNOWN.some((known) => known.text.test(each))).map((each) => `${path}: ${each}`);
    });
  expect(files.length).toBeGreaterThan(300);
  expect(found).toEqual([]);
});

test("what npm start, an operator and .env keep is neither committed nor built into an image", () => {
  const kept = [
    ".tollbooth/kept.json",
    "services/credits/.tollbooth/kept.json",
    ".env",
    "services/gateway/.env",
    "tools/credits.nk",
  ];
  const isKept = (path: string) => {
    try {
      execFileSync("git", ["check-ignore", "-q", "--no-index", path], { cwd: ROOT });
      return true;
    } catch {
      return false;
    }
  };
  expect(kept.filter((path) => !isKept(path))).toEqual([]);
  const lines = read(".dockerignore").trim().split("\n");
  // Nothing goes in but what is named, and of that nothing that is secret.
  expect(lines[0]).toBe("*");
  const taken = lines.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
  expect(taken).toEqual([
    "package.json",
    "package-lock.json",
    "turbo.json",
    "rolldown.config.ts",
    "packages",
    "services",
    "tools",
  ]);
  expect(lines).toEqual(expect.arrayContaining(["**/.tollbooth", "**/.env*", "**/*.nk", "**/*.log"]));
});
