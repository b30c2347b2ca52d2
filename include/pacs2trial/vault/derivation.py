"""How pseudonyms are derived from originals: keyed, length-prefixed, the same on every machine.

A derived value is only a proposal; the row in the vault decides (:mod:`pacs2trial.vault.pseudonyms`).
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""32 signs, five bits each, without the look-alikes I, L, O and without U."""

CODE_SIGNS = 13
"""Signs of a readable code: 65 bits, which with one leading letter fits SH (16 characters, PS3.5 6.2)."""


def joined(*parts: str | bytes) -> bytes:
    """The parts with their lengths before them, so that no two lists of parts give the same bytes."""
    encoded = [part.encode("utf-8") if isinstance(part, str) else part for part in parts]
    return b"".join(len(part).to_bytes(8, "big") + part for part in encoded)


def keyed_digest(key: bytes, *parts: str | bytes) -> bytes:
    """HMAC-SHA256 over the length-prefixed parts, 32 bytes."""
    return hmac.digest(key, joined(*parts), "sha256")


def subkey(key: bytes, *, salt: bytes | None, info: str) -> bytes:
    """A key of 32 bytes for one use, by HKDF-SHA256 (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info.encode("utf-8")).derive(key)


def uid_from(digest: bytes) -> str:
    """A UID below 2.25 from the first 128 bits of a digest (PS3.5 B.2), at most 44 characters."""
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def code_from(letter: str, digest: bytes) -> str:
    """A readable code: ``letter`` and 65 bits of a digest, 14 characters of [A-Z0-9]."""
    number = int.from_bytes(digest, "big")
    signs = []
    for _ in range(CODE_SIGNS):
        number, sign = divmod(number, len(CODE_ALPHABET))
        signs.append(CODE_ALPHABET[sign])
    return letter + "".join(signs)


def days_from(digest: bytes, *, most: int) -> int:
    """Whole days between -``most`` and ``most``, never zero."""
    days = int.from_bytes(digest[:8], "big") % (2 * most) - most
    return days if days < 0 else days + 1
