/**
 * How programs are built: each with all that it needs, in few files. Its modules one by one would take twice as long to load.
 * `npm run build` runs this in the folder of each package that has programs.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { defineConfig, type Plugin } from "rolldown";

/** Processes beside a bench. */
// prettier-ignore
const PARTS = ["parts/clients", "parts/echo", "parts/fake", "parts/flood", "parts/load", "parts/reports", "parts/streams"];

/** The programs of the packages that are more than their `main`. */
const PROGRAMS: Readonly<Record<string, () => readonly string[]>> = {
  tools: () => {
    const { scripts } = JSON.parse(readFileSync("../package.json", "utf8")) as { scripts: object };
    return Object.keys(scripts).filter((name) => existsSync(`src/${name}.ts`));
  },
  bench: () => [...readdirSync("src").flatMap((file) => /^(.+)\.ts$/.exec(file)?.[1] ?? []), ...PARTS],
};
const programs = PROGRAMS[basename(process.cwd())]?.();

/** A service's libraries are a file of their own, without a source map, and without its name: Node would look for it at every start. */
const LIBRARIES = "libraries";
/** All but what is loaded where it is needed: what brings spans to a collector, and the list of prices. */
const LIBRARY = /node_modules\/(?!@pydantic|@opentelemetry\/(?:core|exporter|otlp|resources|sdk|semantic))/;
const withoutItsMap: Plugin = {
  name: "without-its-map",
  generateBundle(_options, bundle) {
    delete bundle[`${LIBRARIES}.js.map`];
    const libraries = bundle[`${LIBRARIES}.js`];
    if (libraries?.type === "chunk") libraries.code = libraries.code.replace(/\n\/\/# sourceMappingURL=.*\n?$/, "\n");
  },
};

/** Errors are told in English, whose words zod takes by themselves. */
const inEnglish: Plugin = {
  name: "in-english",
  load: (id) => (id.endsWith("/zod/v4/locales/index.js") ? "export {};" : null),
};

/** pg makes a fetch's Response to find out whether it runs at Cloudflare, and Node loads all of fetch for that: 0.03 s. */
const QUESTION = "typeof Response === 'function'";
const notAtCloudflare: Plugin = {
  name: "not-at-cloudflare",
  transform: (code, id) => {
    if (!id.endsWith("/pg/lib/stream.js")) return null;
    if (!code.includes(QUESTION)) throw new Error(`pg no longer asks "${QUESTION}": see whether this is still needed`);
    return code.replace(QUESTION, "false");
  },
};

export default defineConfig({
  input: Object.fromEntries((programs ?? ["main"]).map((name) => [name, `src/${name}.ts`])),
  platform: "node",
  // Where it is not there, pg does without.
  external: ["pg-native"],
  // Nothing is left out: what looks as if it did nothing may throw, as decodeURIComponent does.
  treeshake: false,
  plugins: [inEnglish, notAtCloudflare, withoutItsMap],
  output: {
    dir: "dist",
    cleanDir: true,
    sourcemap: true,
    minify: false,
    chunkFileNames: "[name].js",
    ...(programs === undefined && { codeSplitting: { groups: [{ name: LIBRARIES, test: LIBRARY }] } }),
  },
});
