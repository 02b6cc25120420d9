import { base64url, exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { openAuth, type Auth } from "./auth.ts";
import { SECRET, token } from "./testing/gateway.ts";

const settings = { AUTH_JWT_SECRET: SECRET, AUTH_ISSUER: "tollbooth", AUTH_AUDIENCE: "tollbooth" };
const nowS = () => Math.floor(Date.now() / 1000);
const callerOf = async (claims: Record<string, unknown>) => openAuth(settings).verify(`Bearer ${await token(claims)}`);
const refusal = (auth: Auth, jwt: string) => auth.verify(`Bearer ${jwt}`).catch((fault: unknown) => fault);

function forge(header: object, claims: object, sign: (text: string) => Buffer | string): string {
  const text = `${base64url.encode(JSON.stringify(header))}.${base64url.encode(JSON.stringify(claims))}`;
  return `${text}.${base64url.encode(sign(text))}`;
}

const good = () => ({ sub: "mallory", iss: "tollbooth", aud: "tollbooth", exp: nowS() + 600, roles: ["admin"] });

describe("with a shared secret", () => {
  test("a good token names its user and keeps the application that holds it", async () => {
    expect(await callerOf({ sub: "alice", azp: "web" })).toEqual({ sub: "alice", roles: ["user"], azp: "web" });
  });

  test.each([
    ["of another issuer", { iss: "elsewhere" }],
    ["without an issuer", { iss: undefined }],
    ["for another audience", { aud: "elsewhere" }],
    ["without an audience", { aud: undefined }],
    ["that has expired", { exp: nowS() - 60 }],
    ["without an expiry", { exp: undefined }],
    ["whose expiry is no number", { exp: "tomorrow" }],
    ["that is not valid yet", { nbf: nowS() + 60 }],
    ["without a subject", { sub: undefined }],
    ["of an empty subject", { sub: "" }],
    ["of a subject too long", { sub: "x".repeat(256) }],
    ["of a subject with a control character", { sub: "al\nice" }],
    ["of a subject with half a surrogate pair", { sub: "al\uD800ice" }],
    ["whose subject is no text", { sub: 7 }],
    ["whose azp is no id", { azp: "a\0b" }],
  ])("a token %s is refused", async (_, claims) => {
    await expect(callerOf(claims)).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("a token of another secret is refused", async () => {
    const jwt = await token({}, "another-secret-of-at-least-32-characters");
    expect(await refusal(openAuth(settings), jwt)).toMatchObject({ code: "unauthenticated" });
  });

  test.each([
    ["none", () => ""],
    ["None", () => ""],
    ["HS512", (text: string) => createHmac("sha512", SECRET).update(text).digest()],
    ["HS384", (text: string) => createHmac("sha384", SECRET).update(text).digest()],
    ["RS256", (text: string) => createHmac("sha256", SECRET).update(text).digest()],
  ])("a token that says its algorithm is %s is refused", async (alg, sign) => {
    expect(await refusal(openAuth(settings), forge({ alg }, good(), sign))).toMatchObject({ code: "unauthenticated" });
  });

  test.each([
    "Bearer",
    "Bearer ",
    "Bearer a b",
    "Bearer a.b",
    "Bearer ....",
    "Bearer e30.e30.e30",
    "Basic YTpi",
    "",
    "Bearer \u00E9",
    `Bearer ${"a".repeat(9000)}`,
    `Bearer ${base64url.encode('{"alg":"HS256","crit":["b64"],"b64":false}')}.e30.e30`,
    `Bearer ${base64url.encode('{"alg":{}}')}.e30.e30`,
    `Bearer ${base64url.encode("[]")}.e30.e30`,
    `Bearer ${base64url.encode(`{"alg":"HS256","a":${"[".repeat(6_000)}${"]".repeat(6_000)}}`)}.e30.e30`,
  ])("a header that is no token is refused: %.40s", async (header) => {
    await expect(openAuth(settings).verify(header)).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("a token whose claims were changed after it was signed is refused", async () => {
    const [head, , signature] = (await token()).split(".");
    const claims = base64url.encode(JSON.stringify(good()));
    expect(await refusal(openAuth(settings), `${head}.${claims}.${signature}`)).toMatchObject({
      code: "unauthenticated",
    });
  });

  test("what a refusal says of a token never contains the token", async () => {
    const jwt = await token({ exp: nowS() - 60 });
    expect(JSON.stringify(await refusal(openAuth(settings), jwt))).not.toContain(jwt.split(".")[2]);
  });
});

// prettier-ignore
const shapes: readonly [string, Record<string, unknown>, string[]][] = [
  ["no claim is a user",                          {},                                                          ["user"]],
  ["roles",                                       { roles: ["service"] },                                      ["service"]],
  ["roles, several",                              { roles: ["admin", "user"] },                                ["user", "admin"]],
  ["role",                                        { role: "admin" },                                           ["admin"]],
  ["Keycloak's realm",                            { realm_access: { roles: ["offline_access", "service"] } },  ["service"]],
  ["roles come before role",                      { roles: ["user"], role: "admin" },                          ["user"]],
  ["role comes before the realm",                 { role: "user", realm_access: { roles: ["admin"] } },        ["user"]],
  ["an unknown role is a user",                   { roles: ["root", "Admin", "admin "] },                      ["user"]],
  ["no role at all is a user",                    { roles: [] },                                               ["user"]],
  ["a text is no array",                          { roles: "admin" },                                          ["user"]],
  ["an array is no text",                         { role: ["admin"] },                                         ["user"]],
  ["objects are nobody's role",                   { roles: [{ toString: "admin" }, null, 1] },                 ["user"]],
  ["a realm that is no object is nobody's role",  { realm_access: "admin" },                                   ["user"]],
];

test.each(shapes)("roles of a token: %s", async (_, claims, roles) => {
  expect((await callerOf(claims)).roles).toEqual(roles);
});

/** A token that was verified, and a clock to move. */
const remembering = async (claims: Record<string, unknown>) => {
  const clock = { ms: Date.now() };
  const auth = openAuth(settings, () => clock.ms);
  const header = `Bearer ${await token(claims)}`;
  expect(auth.known(header)).toBeUndefined();
  await auth.verify(header);
  return { auth, header, clock };
};

describe("verified tokens are remembered", () => {
  test("for a minute, so that a withdrawn key soon ends its tokens", async () => {
    const { auth, header, clock } = await remembering({});
    expect(auth.known(header)).toMatchObject({ sub: "alice" });
    clock.ms += 60_000;
    expect(auth.known(header)).toBeUndefined();
  });

  test("never beyond their expiry", async () => {
    const { auth, header, clock } = await remembering({ exp: nowS() + 10 });
    clock.ms += 16_000;
    expect(auth.known(header)).toBeUndefined();
    await expect(auth.verify(header)).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("a token that was refused is not remembered", async () => {
    const auth = openAuth(settings);
    const header = `Bearer ${await token({ aud: "elsewhere" })}`;
    await expect(auth.verify(header)).rejects.toMatchObject({ code: "unauthenticated" });
    expect(auth.known(header)).toBeUndefined();
  });
});

/** A key server, as an identity provider has one. */
async function keyServer(keys: () => JWK[] | undefined) {
  let asked = 0;
  const server = createServer((_, res) => {
    asked++;
    const found = keys();
    res.writeHead(found === undefined ? 500 : 200, { "content-type": "application/json" });
    res.end(JSON.stringify({ keys: found }));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const AUTH_JWKS_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/certs`;
  return {
    auth: openAuth({ AUTH_ISSUER: "tollbooth", AUTH_AUDIENCE: "tollbooth", AUTH_JWKS_URL }),
    asked: () => asked,
  };
}

const sign = (alg: string, kid: string, key: CryptoKey) =>
  new SignJWT(good()).setProtectedHeader({ alg, kid }).sign(key);

describe("with a key set", () => {
  test.each(["RS256", "PS256", "ES256", "EdDSA"])("a %s token of a known key is taken", async (alg) => {
    const { publicKey, privateKey } = await generateKeyPair(alg);
    const jwk = { ...(await exportJWK(publicKey)), kid: "one", alg };
    const { auth } = await keyServer(() => [jwk]);
    expect(await auth.verify(`Bearer ${await sign(alg, "one", privateKey)}`)).toEqual({
      sub: "mallory",
      roles: ["admin"],
    });
  });

  test("the public key cannot be used as the secret of an HMAC", async () => {
    const { publicKey } = await generateKeyPair("RS256", { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: "one" };
    const { auth } = await keyServer(() => [jwk]);
    for (const secret of [await exportSPKI(publicKey), JSON.stringify(jwk), String(jwk.n)]) {
      const jwt = forge({ alg: "HS256", kid: "one" }, good(), (text) =>
        createHmac("sha256", secret).update(text).digest(),
      );
      expect(await refusal(auth, jwt)).toMatchObject({ code: "unauthenticated" });
    }
  });

  test("a key that the token brings itself is not used", async () => {
    const ours = await generateKeyPair("ES256");
    const theirs = await generateKeyPair("ES256", { extractable: true });
    const known = { ...(await exportJWK(ours.publicKey)), kid: "one" };
    const { auth } = await keyServer(() => [known]);
    const header = { alg: "ES256", kid: "one", jwk: await exportJWK(theirs.publicKey) };
    const jwt = await new SignJWT(good()).setProtectedHeader(header).sign(theirs.privateKey);
    expect(await refusal(auth, jwt)).toMatchObject({ code: "unauthenticated" });
  });

  test("unknown key ids do not make us ask the key server again and again", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const jwk = { ...(await exportJWK(publicKey)), kid: "one" };
    const { auth, asked } = await keyServer(() => [jwk]);
    for (let i = 0; i < 20; i++) {
      expect(await refusal(auth, await sign("ES256", `made-up-${i}`, privateKey))).toMatchObject({
        code: "unauthenticated",
      });
    }
    expect(asked()).toBe(1);
  });

  test("a key server that is away is our trouble, not the token's", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    const { auth } = await keyServer(() => undefined);
    expect(await refusal(auth, await sign("ES256", "one", privateKey))).toMatchObject({ code: "unavailable" });
    const nowhere = openAuth({
      AUTH_ISSUER: "tollbooth",
      AUTH_AUDIENCE: "tollbooth",
      AUTH_JWKS_URL: "http://127.0.0.1:1/",
    });
    expect(await refusal(nowhere, await sign("ES256", "one", privateKey))).toMatchObject({ code: "unavailable" });
  });
});
