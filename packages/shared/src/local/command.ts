/** Programs of this machine: where they are, and what they print. */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** A program and its arguments. */
export type Command = readonly [program: string, ...args: string[]];

/** Servers often live in sbin, which an ordinary user's PATH leaves out. */
const SBIN = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** The path of a program that may be executed, looked up in PATH and in the sbin folders; undefined where there is none. */
export async function onPath(program: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...SBIN].filter((folder) => folder !== "");
  for (const folder of folders) {
    const path = join(folder, program);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

/** Whether we may execute a file. */
export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly timeoutMs?: number;
}

const OUTPUT_TAIL = 800;

/** What a command printed on standard output. Throws with the end of what it said where it fails or takes too long. */
export async function output([program, ...args]: Command, options: RunOptions = {}): Promise<string> {
  const { cwd, env, uid, gid, timeoutMs = 60_000 } = options;
  return new Promise((resolve, reject) => {
    const settings = { cwd, env, uid, gid, timeout: timeoutMs, encoding: "utf8" as const };
    execFile(program, args, settings, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const said = `${stderr}${stdout}`.trim().slice(-OUTPUT_TAIL);
      reject(new Error(`${program} failed: ${said || error.message}`, { cause: error }));
    });
  });
}

/** Whether a command ends well. */
export async function succeeds(command: Command): Promise<boolean> {
  return output(command).then(
    () => true,
    () => false,
  );
}
