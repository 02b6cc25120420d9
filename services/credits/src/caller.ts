/** Who does what is posted, as the journal keeps it. */
import { Fault } from "@tollbooth/shared/fault";
import type { Context } from "@tollbooth/shared/handler";
import type { Actor } from "./account.ts";

/** The caller, in the strongest of his roles, and the key his request came with. */
export function by({ caller, idempotencyKey }: Context): { actor: Actor; key: string | undefined } {
  if (caller === undefined) throw new Fault("unauthenticated", "this needs to know who asks");
  const role = (["admin", "service"] as const).find((each) => caller.roles.includes(each)) ?? "user";
  return { actor: { sub: caller.sub, role }, key: idempotencyKey === undefined ? undefined : `rest:${idempotencyKey}` };
}
