/** Where the nats-server program comes from. */
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { isExecutable, onPath, output } from "./command.ts";

const HOW_TO_GET_IT =
  "There is no nats-server: install it (Debian, Ubuntu: apt-get install nats-server; macOS: brew install nats-server), set NATS_SERVER_BIN to its path, or set NATS_URL to a broker with JetStream.";

/**
 * The path of a nats-server: NATS_SERVER_BIN, then PATH, then our cache, then Debian's package, which is unpacked
 * into the cache (about 3 s, once a user; nothing is installed, root is not needed). Throws one sentence that says
 * how to get it where there is none.
 */
export async function findNats(cacheDir = userCache()): Promise<string> {
  const given = process.env.NATS_SERVER_BIN;
  if (given !== undefined && given !== "") {
    if (await isExecutable(given)) return given;
    throw new Error(`NATS_SERVER_BIN is ${given}, which is not a program that can be run.`);
  }
  const installed = await onPath("nats-server");
  if (installed !== undefined) return installed;
  const cached = join(cacheDir, "nats/usr/sbin/nats-server");
  if (!(await isExecutable(cached))) await unpackDebianPackage(cacheDir);
  return cached;
}

function userCache(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tollbooth");
}

async function unpackDebianPackage(cacheDir: string): Promise<void> {
  const [apt, dpkg] = await Promise.all([onPath("apt-get"), onPath("dpkg-deb")]);
  if (apt === undefined || dpkg === undefined) throw new Error(HOW_TO_GET_IT);
  await mkdir(cacheDir, { recursive: true });
  const draft = await mkdtemp(join(cacheDir, "draft-"));
  try {
    const deb = await download(apt, draft);
    await output([dpkg, "-x", deb, join(draft, "nats")]);
    await rename(join(draft, "nats"), join(cacheDir, "nats")).catch(yieldToTheFirst);
  } catch (error) {
    throw new Error(`${HOW_TO_GET_IT} (Its Debian package could not be had.)`, { cause: error });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Package lists of our own below `folder`: the system's belong to root and may be old. */
async function download(apt: string, folder: string): Promise<string> {
  await Promise.all([
    mkdir(join(folder, "state/lists/partial"), { recursive: true }),
    mkdir(join(folder, "cache/archives/partial"), { recursive: true }),
  ]);
  // prettier-ignore
  const settings = [
    "-o", `Dir::State=${folder}/state`, "-o", `Dir::Cache=${folder}/cache`, "-o", "Dir::State::status=/var/lib/dpkg/status",
    "-o", "APT::Sandbox::User=", "-qq",
  ];
  await output([apt, ...settings, "update"], { cwd: folder, timeoutMs: 120_000 });
  await output([apt, ...settings, "download", "nats-server"], { cwd: folder, timeoutMs: 120_000 });
  const deb = (await readdir(folder)).find((file) => file.endsWith(".deb"));
  if (deb === undefined) throw new Error("apt-get downloaded nothing");
  return join(folder, deb);
}

/** Two first starts may race: the cache is as good from either. */
function yieldToTheFirst(error: unknown): void {
  const isThere = error instanceof Error && "code" in error && (error.code === "ENOTEMPTY" || error.code === "EEXIST");
  if (!isThere) throw error;
}
