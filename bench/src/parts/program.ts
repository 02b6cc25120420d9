/** Programs of `parts`, each in a process of its own: what makes the load takes nothing from what is measured. */
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { letOthersFirst } from "@tollbooth/shared/local/priority";

/** Starts a program of this folder; what it says goes where ours goes. */
export function startProgram(name: string, ...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [pathOf(name), ...args], { stdio: "inherit" });
}

/** Runs a program of this folder; answers the JSON that it prints. Throws where it fails. */
export async function runProgram<T>(name: string, ...args: readonly string[]): Promise<T> {
  return JSON.parse(await outputOf(process.execPath, [pathOf(name), ...args])) as T;
}

/** What a program prints. Throws where it fails, or is not there. */
export async function outputOf(program: string, args: readonly string[], env = process.env): Promise<string> {
  // Clients are elsewhere, and take no processor of the platform's: here they come after it.
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], env, detached: true });
  if (child.pid !== undefined) letOthersFirst(child.pid);
  // Ctrl-C does not reach it: it would end us, and leave it at work.
  const end = () => {
    child.kill();
    process.exit(1);
  };
  process.on("SIGINT", end);
  let said = "";
  child.stdout.on("data", (text: Buffer) => (said += text.toString()));
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  }).finally(() => process.off("SIGINT", end));
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${String(code)}: ${said}`);
  return said;
}

/** Seen from what is built of this file, which lies above them. */
function pathOf(name: string): string {
  return fileURLToPath(new URL(`parts/${name}.js`, import.meta.url));
}
