import { defineConfig, type TestProjectConfiguration } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** No test reaches the real OpenRouter: whatever is not given a fake one has this address, where nobody answers. */
process.env["OPENROUTER_BASE_URL"] = "http://127.0.0.1:9/api/v1";

/** Files of a worker share what they load, and nothing else: loading all of it for each of them took a third of the time. */
const isolate = false;

function project(name: string, include: string[], more: object = {}): TestProjectConfiguration {
  return {
    test: { name, include, exclude: ["**/node_modules/**", "**/dist/**", "**/.tollbooth/**"], isolate, ...more },
  };
}

/** The longest ones come first, so that no worker is left alone with one of them at the end; then as always. */
// prettier-ignore
const LONGEST = ["faults/storms", "faults/harms", "e2e/deaths", "e2e/repair", "faults/proxy", "e2e/demo", "e2e/start"];
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is vitest's, and no array's
    const sorted = await super.sort(files);
    const longest = LONGEST.flatMap((name) => sorted.filter(({ moduleId }) => moduleId.includes(`/${name}.`)));
    return [...new Set([...longest, ...sorted])];
  }
}

const servers = "packages/shared/src/testing/setup.ts";
/** Stories that hurt or set up a platform have one of their own; the others share one, one after the other. */
const OWN = "e2e/{deaths,demo,fuzz,given-servers,keys,lifecycle,recorded,repair,restore,start,trace}.test.ts";
const PREPARED = "e2e/harness/prepare.ts";
/** Too long for every change: they are run by name, `npx vitest run --project long`. */
const LONG = ["faults/scale.test.ts", "faults/upgrade.test.ts"];
const rooms = "{packages,services,tools}/**/src/**";

export default defineConfig({
  test: {
    // Most tests wait for servers: with a processor kept free, two of them would be worked as one.
    maxWorkers: "100%",
    sequence: { sequencer: LongestFirst },
    projects: [
      project("unit", [`${rooms}/*.test.ts`], {
        exclude: ["**/node_modules/**", "**/dist/**", "**/*.int.test.ts"],
        testTimeout: 10_000,
      }),
      project("integration", [`${rooms}/*.int.test.ts`], {
        globalSetup: servers,
        testTimeout: 30_000,
        hookTimeout: 30_000,
      }),
      project("e2e", ["e2e/**/*.test.ts"], {
        globalSetup: "e2e/harness/setup.ts",
        exclude: ["**/node_modules/**", OWN],
        fileParallelism: false,
        testTimeout: 60_000,
        hookTimeout: 120_000,
      }),
      // Each file has a platform of its own. Three at a time were tried (ADR 0061).
      project("platforms", [OWN, "faults/**/*.test.ts"], {
        globalSetup: PREPARED,
        exclude: ["**/node_modules/**", ...LONG],
        maxWorkers: 2,
        testTimeout: 180_000,
        hookTimeout: 120_000,
      }),
      project("long", LONG, { globalSetup: PREPARED, maxWorkers: 1, testTimeout: 600_000, hookTimeout: 120_000 }),
      // For as long as it is asked for: npm run test:faults.
      project("siege", ["faults/siege.run.ts"], { globalSetup: PREPARED }),
    ],
  },
});
