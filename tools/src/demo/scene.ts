/** What the demo holds open while it runs: doors to the platform, its books, and the reporters. */
import { openBus, type Bus } from "@tollbooth/shared/bus";
import type { Role } from "@tollbooth/shared/contract";
import { OPERATOR } from "../broker/permissions.ts";
import { openBooks } from "../ledgers.ts";
import { openLog } from "@tollbooth/shared/log";
import type { Books } from "../reconcile.ts";
import type { Reached } from "./reach.ts";
import { Reporter } from "./reporter.ts";
import { Rest } from "./rest.ts";

export interface Scene {
  readonly rest: Rest;
  readonly bus: Bus;
  readonly books: Books;
  readonly reporters: ReadonlyMap<string, Reporter>;
  /** A token of the user, or of the service, of this name. */
  readonly tokenOf: (name: string, role: Role) => Promise<string>;
  /** The reporter of a source, whose events count as recorded when they are confirmed. */
  readonly reporterOf: (source: string, onRecorded: () => void) => Reporter;
  readonly gatewayUrl: string;
  /** Whether chats go through the proxy: only where no real OpenRouter would be asked. */
  readonly hasProxy: boolean;
  readonly close: () => Promise<void>;
}

const NAME = "demo";

/** Opens everything. Throws where the broker is not there. */
export async function openScene({
  gatewayUrl,
  natsUrl,
  natsKeys,
  auditUrls,
  tokenFor,
  hasProxy,
}: Reached): Promise<Scene> {
  const bus = await openBus({ url: natsUrl, keys: natsKeys, name: OPERATOR, log: openLog(NAME, "error") });
  const books = openBooks(auditUrls, NAME);
  const tokens = new Map<string, Promise<string>>();
  const reporters = new Map<string, Reporter>();
  return {
    rest: new Rest(gatewayUrl),
    bus,
    books,
    reporters,
    gatewayUrl,
    hasProxy,
    tokenOf: async (name, role) => {
      const token = tokens.get(name) ?? tokenFor(name, [role]);
      tokens.set(name, token);
      return token;
    },
    reporterOf: (source, onRecorded) => {
      const reporter = reporters.get(source) ?? new Reporter({ bus, source, onRecorded });
      reporters.set(source, reporter);
      return reporter;
    },
    close: async () => {
      for (const reporter of reporters.values()) await reporter.close();
      await Promise.all([bus.close(), books.close()]);
    },
  };
}
