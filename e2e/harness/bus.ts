/** The broker as a test's own program sees it: commands asked, events published, events heard. */
import { afterAll, inject } from "vitest";
import { openBus, type Bus } from "@tollbooth/shared/bus";
import { openLog } from "@tollbooth/shared/log";
import { Streams } from "@tollbooth/shared/streams";
import { OPERATOR } from "../../tools/src/broker/permissions.ts";
import type { Reach } from "./platform.ts";

/** An operator's connection to the platform's broker; closed when the file's tests have ended. Call it at the top level. */
export async function testBus(
  { natsUrl: url, natsKeys: keys }: Pick<Reach, "natsUrl" | "natsKeys"> = inject("platform"),
): Promise<{ bus: Bus; streams: Streams }> {
  const bus = await openBus({ url, keys, name: OPERATOR, log: openLog("e2e", "silent") });
  afterAll(() => bus.close());
  return { bus, streams: new Streams(bus) };
}

/** Who asks a command over the broker, where the gateway would have verified a token. */
export const ADMIN = { caller: { sub: "e2e-admin", roles: ["admin"] } } as const;
export const SERVICE = { caller: { sub: "e2e-service", roles: ["service"] } } as const;
