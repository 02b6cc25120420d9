/** The broker of this checkout's platform, for tools that ask its services. */
import { openBus, type Bus } from "@tollbooth/shared/bus";
import { Fault } from "@tollbooth/shared/fault";
import { openLog } from "@tollbooth/shared/log";
import { attachBroker } from "./attach.ts";
import { OPERATOR } from "./broker/permissions.ts";

/** Works with the broker and leaves it. Throws one sentence where that cannot be, or a service refuses. */
export async function withBus(name: string, work: (bus: Bus) => Promise<void>): Promise<void> {
  const { natsUrl: url, natsKeys: keys } = await attachBroker(process.env);
  const bus = await openBus({ url, keys, name: OPERATOR, log: openLog(name, "silent") });
  try {
    await work(bus);
  } catch (error) {
    throw new Error(sentence(error as Error), { cause: error });
  } finally {
    await bus.close();
  }
}

function sentence(error: Error): string {
  if (!(error instanceof Fault)) return error.message;
  return error.code === "unavailable" || error.code === "timeout"
    ? `${error.message} (is the platform running?)`
    : error.message;
}
