/**
 * Signatures of nkeys by Node's own Ed25519. What nkeys.js brings is JavaScript: the first connection of a process to the broker
 * took 0.2 s of a processor with it, and one is made at each start. The signatures are the same, byte for byte.
 */
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { getEd25519Helper, setEd25519Helper } from "nkeys.js/lib/helper.js";

/** What comes before the 32 bytes of a seed in PKCS #8 (RFC 8410). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SEED_BYTES = 32;

/** Lets nkeys.js, and nats with it, sign so. */
export function signNatively(): void {
  setEd25519Helper({ ...getEd25519Helper(), fromSeed, sign: signed });
}

/** A secret key is the seed and the public key after it. */
function fromSeed(seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array } {
  const { x = "" } = createPublicKey(privateKey(seed)).export({ format: "jwk" });
  const publicKey = Uint8Array.from(Buffer.from(x, "base64url"));
  return { publicKey, secretKey: Uint8Array.from([...seed, ...publicKey]) };
}

function signed(data: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return Uint8Array.from(sign(null, data, privateKey(secretKey.subarray(0, SEED_BYTES))));
}

function privateKey(seed: Uint8Array) {
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
}
