/** Where a bench works: what it starts lives in a temporary folder, and both are gone when its work is done. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@tollbooth/shared/local/ports";
import { startPostgres, type LocalPostgres } from "@tollbooth/shared/local/postgres";
import { Platform } from "@tollbooth/tools/platform";

const FOR_A_BENCH = {
  // Whoever asks as often as an answer comes would be told to wait.
  RATE_LIMIT_USER: "999999999",
  RATE_LIMIT_ADDRESS: "999999999",
  LOG_LEVEL: "warn",
  // Nobody answers there: prices are those of the catalogue, the same in every run.
  OPENROUTER_BASE_URL: "http://127.0.0.1:9/api/v1",
};

/** Works in a temporary folder. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "tollbooth-bench-"));
  try {
    // Root's Postgres runs as somebody else.
    await chmod(folder, 0o711);
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Works on a whole platform of its own, which refuses nobody for asking often, with these settings. */
export function onPlatform<T>(
  work: (platform: Platform, folder: string) => Promise<T>,
  settings: NodeJS.ProcessEnv = {},
): Promise<T> {
  return inFolder(async (folder) => {
    const env = { ...process.env, ...FOR_A_BENCH, ...settings };
    const platform = await Platform.start({ folder: join(folder, "home"), env });
    try {
      return await work(platform, folder);
    } finally {
      await platform.stop();
    }
  });
}

/** Works on a Postgres of its own, as safe against a crash as in production. */
export function onPostgres<T>(work: (postgres: LocalPostgres, folder: string) => Promise<T>): Promise<T> {
  return inFolder(async (folder) => {
    const postgres = await startPostgres({
      dataDir: join(folder, "postgres"),
      port: await freePort(),
      logFile: join(folder, "log"),
    });
    try {
      return await work(postgres, folder);
    } finally {
      await postgres.stop();
    }
  });
}
