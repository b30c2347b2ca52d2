"""The secret file: the independent random keys that a vault needs, each with an id.

JSON, mode 0600, made once by ``pacs2trial init``. Without it the vault cannot be read and no pseudonym can be derived;
it belongs in a backup of its own, apart from the vault's.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
import stat
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from pacs2trial.errors import SetupError

KEY_BYTES = 32
FEWEST_DISTINCT_BYTES = 16
"""32 random bytes hold about 30 distinct values; fewer than this happens by chance in less than one of 10^15 keys."""


@dataclass(frozen=True)
class Key:
    """One random key and the id it is spoken of."""

    id: str
    value: bytes = field(repr=False)


@dataclass(frozen=True)
class Secret:
    """The keys of one site.

    ``pseudonym`` feeds the derivation of pseudonyms, ``lookup`` finds encrypted originals, ``wrap`` encrypts the data
    keys of the scopes: the first for new ones, the others only to read what an older key wrapped.
    """

    pseudonym: Key
    lookup: Key
    wrap: tuple[Key, ...]

    def wrap_key(self, key_id: str) -> Key:
        """The key-encryption key called ``key_id``.

        Raises:
            SetupError: the secret file does not hold it.
        """
        for key in self.wrap:
            if key.id == key_id:
                return key
        raise SetupError(
            f"the secret file lacks the key {key_id}, which this vault needs: restore the right secret file"
        )


def create_secret(path: Path) -> None:
    """Write a new secret file, complete or not at all, readable by its owner only.

    Raises:
        SetupError: there is one already.
    """
    draft = _draft(path, new_secret())
    try:
        os.link(draft, path)
    except FileExistsError:
        raise SetupError(f"{path} exists already; it is never overwritten") from None
    finally:
        draft.unlink()


def new_secret() -> str:
    """The text of a new secret: JSON with random keys."""
    content = {
        "pseudonym": _new_key("pseudonym"),
        "lookup": _new_key("lookup"),
        "wrap": [_new_key("wrap")],
    }
    return json.dumps(content, indent=2) + "\n"


def with_new_wrap_key(text: str) -> str:
    """The text of a secret with a new key-encryption key before those it has."""
    content = json.loads(text)
    content["wrap"] = [_new_key("wrap"), *content["wrap"]]
    return json.dumps(content, indent=2) + "\n"


def with_one_wrap_key(text: str) -> str:
    """The text of a secret with the first of its key-encryption keys alone."""
    content = json.loads(text)
    content["wrap"] = content["wrap"][:1]
    return json.dumps(content, indent=2) + "\n"


def replace_secret(path: Path, text: str) -> None:
    """Put ``text`` in the place of a secret file, whole or not at all; its owner's only."""
    draft = _draft(path, text)
    try:
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def read_secret(path: Path) -> Secret:
    """Read and examine the secret file.

    Raises:
        SetupError: it is missing, readable by others, malformed, or a key is short, weak or used twice.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise SetupError(f"{path} can be read by others (mode {mode:03o}): run chmod 600 {path}")
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise SetupError(
            f"the secret file {path} is missing: run `pacs2trial init`, or restore it from backup"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"the secret file {path} cannot be read: {type(error).__name__}") from None
    return secret_from_text(text, f"the secret file {path}")


def secret_from_text(text: str, where: str) -> Secret:
    """A secret from its JSON text.

    Raises:
        SetupError: it is malformed, or a key is short, weak or used twice; ``where`` names the place.
    """
    try:
        content = json.loads(text)
    except ValueError:
        raise SetupError(f"{where} is not JSON: restore it from backup") from None
    return _secret_from(content, where)


def _new_key(use: str) -> dict[str, str]:
    value = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")
    return {"id": f"{use}-{secrets.token_hex(4)}", "key": value}


def _secret_from(content: Any, path: str) -> Secret:
    if not isinstance(content, Mapping) or set(content) != {"pseudonym", "lookup", "wrap"}:
        raise SetupError(f"{path}: expected the fields pseudonym, lookup and wrap: restore it from backup")
    if not isinstance(content["wrap"], list) or not content["wrap"]:
        raise SetupError(f"{path}: wrap must list at least one key: restore it from backup")
    secret = Secret(
        pseudonym=_key_from(content["pseudonym"], "pseudonym", path),
        lookup=_key_from(content["lookup"], "lookup", path),
        wrap=tuple(_key_from(entry, f"wrap[{n}]", path) for n, entry in enumerate(content["wrap"])),
    )
    keys = [secret.pseudonym, secret.lookup, *secret.wrap]
    if len({key.value for key in keys}) < len(keys) or len({key.id for key in keys}) < len(keys):
        raise SetupError(f"{path}: every key needs an id and a value of its own")
    return secret


def _key_from(entry: Any, where: str, path: str) -> Key:
    if not isinstance(entry, Mapping) or not all(isinstance(entry.get(name), str) for name in ("id", "key")):
        raise SetupError(f"{path}: {where} needs an id and a key: restore it from backup")
    if not 1 <= len(entry["id"]) <= 32:
        raise SetupError(f"{path}: {where}.id must have 1 to 32 characters")
    try:
        value = base64.b64decode(entry["key"], validate=True)
    except (binascii.Error, ValueError):
        raise SetupError(f"{path}: {where}.key is not base64") from None
    weakness = _weakness(value)
    if weakness:
        raise SetupError(f"{path}: {where}.key {weakness}; keys are random bytes, as `pacs2trial init` makes them")
    return Key(entry["id"], value)


def _weakness(value: bytes) -> str:
    """What is wrong with a key, empty if nothing: no test can prove randomness, but typed and default keys show."""
    if len(value) < KEY_BYTES:
        return f"is short: {len(value)} bytes, at least {KEY_BYTES} are needed"
    if len(set(value)) < FEWEST_DISTINCT_BYTES:
        return "repeats a few bytes"
    if len({(after - before) % 256 for before, after in pairwise(value)}) == 1:
        return "is a plain sequence"
    if all(byte in string.printable.encode("ascii") for byte in value):
        return "is text"
    return ""
