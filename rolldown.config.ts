/**
 * How programs are built: each with all that it needs, in few files. Its modules one by one would take twice as long to load.
 * `npm run build` runs this in the folder of each package that has programs.
 */
import { basename } from "node:path";
import { defineConfig, type Plugin } from "rolldown";

/** Of the packages that are more than their `main`. */
// prettier-ignore
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  tools: [
    "audit", "contracts", "database-doc", "demo", "dlq", "explain", "fake-openrouter", "keys", "migrate", "prices", "reporter",
    "rotate-keys", "start", "stop", "streams", "token", "trace", "verify",
  ],
  bench: [
    "ingest", "latency", "ledger", "mutants", "proxy", "reads", "report", "rest", "shed", "soak",
    "parts/clients", "parts/echo", "parts/fake", "parts/flood", "parts/load", "parts/reports", "parts/streams",
  ],
};
const programs = PROGRAMS[basename(process.cwd())];

/** A service's libraries are a file of their own, without a source map: Node would read it at every start, for 0.4 s. */
const LIBRARIES = "libraries";
const withoutItsMap: Plugin = {
  name: "without-its-map",
  generateBundle(_options, bundle) {
    delete bundle[`${LIBRARIES}.js.map`];
  },
};

export default defineConfig({
  input: Object.fromEntries((programs ?? ["main"]).map((name) => [name, `src/${name}.ts`])),
  platform: "node",
  // pg does without its own; what brings spans to a collector is loaded where there is one.
  external: ["pg-native", /^@opentelemetry\/(exporter|resources|sdk)/],
  // Nothing is left out: what looks as if it did nothing may throw, as decodeURIComponent does.
  treeshake: false,
  plugins: [withoutItsMap],
  output: {
    dir: "dist",
    cleanDir: true,
    sourcemap: true,
    minify: false,
    chunkFileNames: "[name].js",
    ...(programs === undefined && { codeSplitting: { groups: [{ name: LIBRARIES, test: /node_modules/ }] } }),
  },
});
