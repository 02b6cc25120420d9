/** Codes of coupons. Pure: chance is an argument. */

/** Crockford's alphabet: nothing in it is taken for something else. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH = 12;
const PREFIX = "UC";

/** Random bytes that a generated code takes. */
export const CODE_BYTES = LENGTH;

/** `UC-` or `<prefix>-` and 12 characters, 60 bits of the given randomness. */
export function generatedCode(bytes: Uint8Array, prefix = PREFIX): string {
  if (bytes.length !== CODE_BYTES) throw new RangeError(`a code is made of ${CODE_BYTES} random bytes`);
  // 256 is a multiple of 32: every character is as likely as any other.
  const characters = [...bytes].map((byte) => ALPHABET[byte % ALPHABET.length]);
  return `${prefix.toUpperCase()}-${characters.join("")}`;
}
