/** Where things are in this checkout. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder. This file is two folders below it, as source and as a part of what is built. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What `npm start` keeps: data, logs, ports and secrets. TOLLBOOTH_HOME puts it elsewhere. */
export const HOME = process.env.TOLLBOOTH_HOME ?? join(ROOT, ".tollbooth");

/** The program of one of our services. */
export function serviceProgram(service: string): string {
  return join(ROOT, "services", service, "dist/main.js");
}
