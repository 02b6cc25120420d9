/** What waits where, as the processes tell it themselves at `/metrics`. */
import { freePort } from "@tollbooth/shared/local/ports";

const PARTS = ["gateway", "credits", "usage"] as const;
const WITHIN_MS = 5_000;

/** The metrics that are lengths, and the label that says of what. */
const LENGTHS = new RegExp(
  '^(?:tollbooth_requests_in_hand|tollbooth_batch_waiting|tollbooth_consumer_pending_messages|db_client_connection_pending_requests)\\{[^}]*?"(?<of>[^"]+)"(?:,state="(?<state>\\w+)")?\\} (?<length>\\d+)$',
  "gm",
);

/** Ports at which a platform shall tell its metrics, and the settings that say so. */
export class Queues {
  readonly settings: NodeJS.ProcessEnv = {};
  readonly #ports = new Map<string, number>();

  /** Chooses the ports. */
  static async open(): Promise<Queues> {
    const queues = new Queues();
    for (const part of PARTS) {
      const port = await freePort();
      queues.#ports.set(part, port);
      queues.settings[`${part.toUpperCase()}_METRICS_PORT`] = String(port);
    }
    return queues;
  }

  /** Every length there is now; what a process does not tell in time is left out. */
  async lengths(): Promise<Record<string, number>> {
    const told = [...this.#ports].map(async ([part, port]) => {
      const text = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(WITHIN_MS) }).then(
        (answer) => answer.text(),
        () => "",
      );
      return [...text.matchAll(LENGTHS)].map(
        ({ 0: line, groups }) => [nameOf(part, line, groups), Number(groups?.["length"])] as const,
      );
    });
    return Object.fromEntries((await Promise.all(told)).flat());
  }
}

function nameOf(part: string, line: string, groups: Partial<Record<string, string>> = {}): string {
  const what = line.slice(0, line.indexOf("{")).replace(/^tollbooth_/, "");
  return [part, what, groups["of"], groups["state"]].filter((word) => word !== undefined).join(" ");
}
