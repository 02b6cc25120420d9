import { createUser } from "nkeys.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { signNatively } from "./ed25519.ts";

test("keys and signatures are those that nkeys.js makes by itself", () => {
  const users = Array.from({ length: 20 }, () => {
    const [user, data = new Uint8Array()] = [createUser(), ...fc.sample(fc.uint8Array(), 1)];
    return { user, data, publicKey: user.getPublicKey(), signature: user.sign(data) };
  });
  signNatively();
  for (const { user, data, publicKey, signature } of users) {
    expect([user.getPublicKey(), user.sign(data)]).toEqual([publicKey, signature]);
    expect(user.verify(data, signature)).toBe(true);
  }
});
