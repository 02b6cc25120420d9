/** Who asks: a bearer token becomes a Caller or is refused. */
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from "jose";
import { hash } from "node:crypto";
import { Id, type Caller, type Role } from "@tollbooth/shared/contract";
import { isDeeper } from "@tollbooth/shared/depth";
import { Fault } from "@tollbooth/shared/fault";

export interface AuthSettings {
  readonly AUTH_JWT_SECRET?: string | undefined;
  readonly AUTH_JWKS_URL?: string | undefined;
  readonly AUTH_ISSUER: string;
  readonly AUTH_AUDIENCE: string;
}

export interface Auth {
  /** The caller of a header that was verified within the last minute and has not expired. */
  known(authorization: string): Caller | undefined;
  /** The caller of a header. Throws `unauthenticated` for a bad token, `unavailable` when its keys cannot be fetched. */
  verify(authorization: string): Promise<Caller>;
}

const CLOCK_TOLERANCE_S = 5;
/** A token is verified again after this, so that a key taken out of the key set soon ends its tokens. */
const REMEMBERED_MS = 60_000;
const REMEMBERED_MAX = 10_000;
/** A head holds a key with a list of certificates at most. */
const HEAD_LEVELS_MAX = 8;

/** Public keys only: a key set can then never be used as an HMAC secret. */
const PUBLIC_KEY_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
];

const ROLES = ["user", "service", "admin"] as const satisfies readonly Role[];

/** Tokens signed with the secret, or with a key of the key set. `now` is in milliseconds since 1970. */
export function openAuth(settings: AuthSettings, now: () => number = Date.now): Auth {
  const verifySignature = signatures(settings);
  const remembered = new Remembered(now);
  return {
    known: (authorization) => remembered.get(authorization),
    verify: async (authorization) => {
      const token = /^Bearer +([\w.-]+)$/i.exec(authorization)?.[1];
      if (token === undefined) throw unauthenticated("Authorization must be `Bearer` and one token");
      if (isDeeper(headOf(token), HEAD_LEVELS_MAX))
        throw unauthenticated("the token is not valid: its head is too deep");
      const payload = await verifySignature(token, {
        issuer: settings.AUTH_ISSUER,
        audience: settings.AUTH_AUDIENCE,
        requiredClaims: ["sub", "exp"],
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(now()),
      }).catch(refuse);
      const caller = callerOf(payload);
      remembered.set(authorization, caller, ((payload.exp ?? 0) + CLOCK_TOLERANCE_S) * 1000);
      return caller;
    },
  };
}

/** What is parsed before a signature is verified. */
function headOf(token: string): string {
  return Buffer.from(token.slice(0, token.indexOf(".")), "base64url").toString();
}

type VerifySignature = (token: string, options: JWTVerifyOptions) => Promise<JWTPayload>;

function signatures({ AUTH_JWT_SECRET: secret, AUTH_JWKS_URL: jwks }: AuthSettings): VerifySignature {
  if (jwks !== undefined) {
    const keys = createRemoteJWKSet(new URL(jwks), {
      timeoutDuration: 3_000,
      cooldownDuration: 30_000,
      cacheMaxAge: 600_000,
    });
    return async (token, options) =>
      (await jwtVerify(token, keys, { ...options, algorithms: PUBLIC_KEY_ALGORITHMS })).payload;
  }
  const key = new TextEncoder().encode(secret);
  return async (token, options) => (await jwtVerify(token, key, { ...options, algorithms: ["HS256"] })).payload;
}

/** What jose says of a token is for its owner; what it says of the key server is for our log. */
function refuse(cause: unknown): never {
  const isOfToken = cause instanceof errors.JOSEError && !KEY_SERVER_ERRORS.has(cause.code);
  if (isOfToken) throw unauthenticated(`the token is not valid: ${cause.message}`, cause);
  throw new Fault("unavailable", "the keys of tokens cannot be fetched", { retryAfterS: 1, cause });
}

const KEY_SERVER_ERRORS = new Set(["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID"]);

function callerOf(payload: JWTPayload): Caller {
  const sub = Id.safeParse(payload.sub);
  const azp = Id.optional().safeParse(payload["azp"]);
  if (!sub.success)
    throw unauthenticated("the token's sub is not an id: 1 to 255 characters without control characters");
  if (!azp.success)
    throw unauthenticated("the token's azp is not an id: 1 to 255 characters without control characters");
  const roles = rolesOf(payload);
  return { sub: sub.data, roles, ...(azp.data !== undefined && { azp: azp.data }) };
}

/** The first of `roles`, `role` and Keycloak's `realm_access.roles` that the token has; unknown names are nobody's role. */
function rolesOf({ roles, role, realm_access: realm }: JWTPayload): readonly Role[] {
  const claimed = [roles, role === undefined ? undefined : [role], inRealm(realm)].find(Array.isArray) ?? [];
  const known = ROLES.filter((name) => claimed.includes(name));
  return known.length > 0 ? known : ["user"];
}

function inRealm(realm: unknown): unknown {
  return typeof realm === "object" && realm !== null && "roles" in realm ? realm.roles : undefined;
}

function unauthenticated(detail: string, cause?: unknown): Fault {
  return new Fault("unauthenticated", detail, {
    fix: "send `Authorization: Bearer <token>` with a token that is valid now",
    cause,
  });
}

/** Headers verified of late, by their hashes: tokens themselves are not kept. The oldest leaves when it is full. */
class Remembered {
  readonly #callers = new Map<string, { readonly caller: Caller; readonly untilMs: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get(authorization: string): Caller | undefined {
    const key = hash("sha256", authorization, "base64");
    const found = this.#callers.get(key);
    if (found === undefined || this.#now() < found.untilMs) return found?.caller;
    this.#callers.delete(key);
    return undefined;
  }

  set(authorization: string, caller: Caller, expiresMs: number): void {
    const [oldest] = this.#callers.keys();
    if (oldest !== undefined && this.#callers.size >= REMEMBERED_MAX) this.#callers.delete(oldest);
    const untilMs = Math.min(expiresMs, this.#now() + REMEMBERED_MS);
    this.#callers.set(hash("sha256", authorization, "base64"), { caller, untilMs });
  }
}
