/** What a person types: a tool of ours as a process of its own. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "../../tools/src/checkout.ts";
import { unset } from "./platform.ts";

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const WITHIN_MS = 60_000;

/** Runs tools/dist/<name>.js for the platform in a folder. */
export function tool(home: string, name: string, ...args: string[]): Promise<Said> {
  return toolWith({}, home, name, ...args);
}

/** The same with settings of a person's own. */
export function toolWith(settings: NodeJS.ProcessEnv, home: string, name: string, ...args: string[]): Promise<Said> {
  return run(home, process.execPath, [join(ROOT, "tools/dist", `${name}.js`), ...args], settings);
}

/** Runs an npm script as it is typed. */
export function npmRun(home: string, name: string, ...args: string[]): Promise<Said> {
  return run(home, "npm", ["run", "-s", name, "--", ...args]);
}

function run(home: string, program: string, args: readonly string[], settings: NodeJS.ProcessEnv = {}): Promise<Said> {
  const options = { cwd: ROOT, env: { ...unset(), ...settings, TOLLBOOTH_HOME: home }, timeout: WITHIN_MS };
  return new Promise((resolve) => {
    execFile(program, args, options, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err });
    });
  });
}
