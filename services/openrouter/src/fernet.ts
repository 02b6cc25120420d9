/**
 * Fernet (version 0x80): AES-128-CBC under an HMAC-SHA256, as its specification says, so that any other implementation
 * reads what we write. Pure: the initialization vector and the time are arguments. A time to live is of no use to keys at
 * rest: the time is written, as the format wants it, and not tried.
 */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";

/** Bytes of a key: the first half signs, the second encrypts. */
export const KEY_BYTES = 32;
export const IV_BYTES = 16;
const HALF = KEY_BYTES / 2;
const VERSION = 0x80;
const TIME_BYTES = 8;
const HEAD_BYTES = 1 + TIME_BYTES + IV_BYTES;
const MAC_BYTES = 32;
const CIPHER = "aes-128-cbc";
const BASE64URL = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?$/;

/** The bytes of a text in base64url with its padding; undefined where it is none. */
export function fromBase64Url(text: string): Buffer | undefined {
  return BASE64URL.test(text) ? Buffer.from(text, "base64url") : undefined;
}

/** The text of bytes in base64url with padding, as Fernet wants it. */
export function toBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}

/** The token of a text. The vector must be another one each time. */
export function encrypt(key: Uint8Array, text: string, iv: Uint8Array, atS: number): string {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(VERSION, 0);
  head.writeBigUInt64BE(BigInt(atS), 1);
  head.set(iv, 1 + TIME_BYTES);
  const cipher = createCipheriv(CIPHER, key.subarray(HALF), iv);
  const signed = Buffer.concat([head, cipher.update(text, "utf8"), cipher.final()]);
  return toBase64Url(Buffer.concat([signed, mac(key, signed)]));
}

/** The text of a token; undefined where the key did not make it, or it was changed. */
export function decrypt(key: Uint8Array, token: string): string | undefined {
  const bytes = fromBase64Url(token);
  if (bytes === undefined || bytes.length < HEAD_BYTES + MAC_BYTES || bytes[0] !== VERSION) return undefined;
  const signed = bytes.subarray(0, -MAC_BYTES);
  if (!timingSafeEqual(mac(key, signed), bytes.subarray(-MAC_BYTES))) return undefined;
  const decipher = createDecipheriv(CIPHER, key.subarray(HALF), signed.subarray(1 + TIME_BYTES, HEAD_BYTES));
  try {
    return Buffer.concat([decipher.update(signed.subarray(HEAD_BYTES)), decipher.final()]).toString("utf8");
  } catch {
    // What was signed and is no whole cipher text: made by somebody who has the key and does not know the format.
    return undefined;
  }
}

function mac(key: Uint8Array, signed: Uint8Array): Buffer {
  return createHmac("sha256", key.subarray(0, HALF)).update(signed).digest();
}
