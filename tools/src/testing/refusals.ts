/** What a broker refused to its users, by its own log: nothing, where everybody has the rights that he needs. */
import { readFile } from "node:fs/promises";

/** Words of the broker's log: what was not permitted, and who was not let in. */
const REFUSED = /(?:Publish|Subscription) Violation|authentication error|Authentication Failure/i;

/**
 * An answer, or an acknowledgement, of what came before the connection broke: it came too late, and no right was missing. Who
 * could never acknowledge would have messages waiting, which is looked for elsewhere.
 */
const LATE_ANSWER = /Publish Violation.*Subject "(?:_INBOX_|\$JS\.ACK\.)/;

/** The lines of a broker's log that tell of a refusal; of none, where there is no log. */
export async function refusalsIn(logFile: string): Promise<string[]> {
  const text = await readFile(logFile, "utf8").catch(() => "");
  return text.split("\n").filter((line) => REFUSED.test(line) && !LATE_ANSWER.test(line));
}
