/** What is told of a route: who may ask what about whom, good requests, and how each refusal comes about. */
import type { Command } from "@tollbooth/shared/contract";
import type { Problem } from "../harness/answer.ts";

/** What is answered to one who acts on himself, on somebody known, on somebody unknown. */
type About = readonly [himself: number, known: number, unknown: number];

export interface Story {
  readonly route: string;
  readonly command: Command;
  readonly owner: "credits" | "usage" | "coupons" | "openrouter";
  readonly nobody: number;
  readonly user: About;
  readonly service: About;
  readonly admin: About;
  /** Two different requests that are good, whomever they act on. */
  readonly inputs: readonly [object, object];
  readonly bodyMaxBytes: number;
  readonly takesMetadata: boolean;
  /** Its path names a thing that has to be made first: it is told in a file of its own. */
  readonly ofAThing?: true;
  /** Brings about each refusal of its own; those of keys are the same for every POST and tried by the walk. */
  readonly refusals: Readonly<Record<string, () => Promise<Problem>>>;
}

export const NO_BODY = { bodyMaxBytes: 0, takesMetadata: false };
export const BODY = { bodyMaxBytes: 100_000, takesMetadata: true };

// prettier-ignore
export const WHO = {
  /** A user's own, which an admin may read of those who are there. */
  read:    { nobody: 401, user: [200, 403, 403], service: [403, 403, 403], admin: [200, 200, 404] },
  /** A write for an admin alone: it provisions. */
  admin:   { nobody: 401, user: [403, 403, 403], service: [403, 403, 403], admin: [200, 200, 200] },
  service: { nobody: 401, user: [403, 403, 403], service: [200, 200, 200], admin: [200, 200, 200] },
  report:  { nobody: 401, user: [200, 403, 403], service: [200, 200, 200], admin: [200, 200, 200] },
  /** Admins; there is nobody to act on. */
  admins:  { nobody: 401, user: [403, 403, 403], service: [403, 403, 403], admin: [200, 422, 422] },
  /** Who is signed in; there is nobody to act on. */
  signedIn: { nobody: 401, user: [200, 422, 422], service: [200, 422, 422], admin: [200, 422, 422] },
  /** Anybody; there is nobody to act on. */
  public:  { nobody: 200, user: [200, 422, 422], service: [200, 422, 422], admin: [200, 422, 422] },
} satisfies Record<string, Pick<Story, "nobody" | "user" | "service" | "admin">>;
