"""Authenticated encryption of what names a person, under the data key of a scope.

A sealed value is ``0x01``, 24 random bytes and AES-256-GCM segments of at most 16 MiB. Each value is encrypted under a
key of its own, derived from the data key and the random bytes, so that neither the number nor the size of values is
bounded. The nonce of a segment is its number and whether it is the last: a cut or reordered value does not open.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap
from typing_extensions import Buffer

from pacs2trial.errors import PermanentError
from pacs2trial.vault.derivation import keyed_digest

VERSION = b"\x01"
SALT_BYTES = 24
TAG_BYTES = 16
NONCE_BYTES = 12
SEGMENT_BYTES = 16 * 2**20


def new_data_key() -> bytes:
    return AESGCM.generate_key(bit_length=256)


def seal(data_key: bytes, data: Buffer) -> bytes:
    """Encrypt ``data``; twice the same data gives different bytes."""
    return b"".join(sealing(data_key, [data]))


def sealing(data_key: bytes, parts: Sequence[Buffer]) -> Iterator[bytes]:
    """What :func:`seal` makes of all ``parts`` as one value, piece by piece: of a large one no second copy is held."""
    salt = secrets.token_bytes(SALT_BYTES)
    cipher = AESGCM(_value_key(data_key, salt))
    views = [memoryview(part).cast("B") for part in parts]
    size = sum(map(len, views))
    yield VERSION + salt
    last = max(1, -(-size // SEGMENT_BYTES)) - 1
    for number in range(last + 1):
        segment = _stretch(views, number * SEGMENT_BYTES, min(size, (number + 1) * SEGMENT_BYTES))
        yield cipher.encrypt(_nonce(number, last=number == last), segment, None)


def unseal(data_key: bytes, sealed: Buffer) -> bytes:
    """Decrypt what :func:`seal` made.

    Raises:
        PermanentError: the bytes are damaged, cut, or sealed under another key.
    """
    view = memoryview(sealed).cast("B")
    head = len(VERSION) + SALT_BYTES
    if len(view) < head + TAG_BYTES or bytes(view[: len(VERSION)]) != VERSION:
        raise PermanentError("an encrypted value of the vault is damaged: its head is not one of pacs2trial's")
    cipher = AESGCM(_value_key(data_key, bytes(view[len(VERSION) : head])))
    body = view[head:]
    step = SEGMENT_BYTES + TAG_BYTES
    count = -(-len(body) // step)
    try:
        return b"".join(
            cipher.decrypt(_nonce(number, last=number == count - 1), body[number * step : (number + 1) * step], None)
            for number in range(count)
        )
    except InvalidTag:
        raise PermanentError("an encrypted value of the vault is damaged or belongs to another key") from None


def wrap(wrap_key: bytes, data_key: bytes, context: bytes) -> bytes:
    """Encrypt a data key under a key-encryption key, bound to ``context``."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(wrap_key).encrypt(nonce, data_key, context)


def unwrap(wrap_key: bytes, wrapped: bytes, context: bytes) -> bytes:
    """The data key again.

    Raises:
        InvalidUnwrap: another key or another context wrapped it.
    """
    try:
        return AESGCM(wrap_key).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
    except InvalidTag:
        raise InvalidUnwrap from None


def _value_key(data_key: bytes, salt: bytes) -> bytes:
    return keyed_digest(data_key, "sealed value", salt)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(NONCE_BYTES - 1, "big") + (b"\x01" if last else b"\x00")


def _stretch(views: Sequence[memoryview], start: int, end: int) -> bytes | memoryview:
    """The bytes from ``start`` to ``end`` of all views together; no copy where one of them holds them all."""
    found, begins = [], 0
    for view in views:
        piece = view[max(start - begins, 0) : max(end - begins, 0)]
        if piece:
            found.append(piece)
        begins += len(view)
    return found[0] if len(found) == 1 else b"".join(found)
