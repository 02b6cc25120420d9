"""A user's key for NATS (nkey), with the standard library alone: reads a seed, signs what the broker asks to be signed.

Where `nkeys` or `cryptography` may be installed, use those: they are faster and guard against being measured.
"""

import base64
import binascii
import hashlib

P = 2**255 - 19  # the field of ed25519
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
PREFIX_USER = 20 << 3  # makes the text begin with U


class NKey:
    def __init__(self, seed_text: str):
        """Takes the text of a seed: SU and 56 characters."""
        text = seed_text.strip()
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
        if len(raw) != 36 or binascii.crc_hqx(raw[:-2], 0).to_bytes(2, "little") != raw[-2:]:
            raise ValueError("this is no seed of a user")
        digest = hashlib.sha512(raw[2:34]).digest()
        self._scalar = (int.from_bytes(digest[:32], "little") & (2**254 - 8)) | 2**254
        self._nonce_key = digest[32:]
        self._public = _encode(_times(self._scalar, BASE))

    @property
    def public_key(self) -> str:
        body = bytes([PREFIX_USER]) + self._public
        return base64.b32encode(body + binascii.crc_hqx(body, 0).to_bytes(2, "little")).decode().rstrip("=")

    def sign(self, message: bytes) -> str:
        """The signature of a message, as the broker wants it: base64url without padding."""
        r = _hash(self._nonce_key, message)
        point = _encode(_times(r, BASE))
        s = (r + _hash(point, self._public, message) * self._scalar) % ORDER
        return base64.urlsafe_b64encode(point + s.to_bytes(32, "little")).decode().rstrip("=")


def _hash(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ORDER


def _add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2
    return (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P


def _times(n: int, point):
    total = (0, 1)
    while n:
        if n & 1:
            total = _add(total, point)
        point = _add(point, point)
        n >>= 1
    return total


def _encode(point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _base():
    y = 4 * pow(5, -1, P) % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (P - x if x & 1 else x), y


BASE = _base()
