"""A new key-encryption key: every data key is wrapped anew, and no pseudonym and no sealed value changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pacs2trial.errors import InputError
from pacs2trial.settings import Settings
from pacs2trial.vault.secret import replace_secret, with_new_wrap_key, with_one_wrap_key
from pacs2trial.vault.vault import Vault


@dataclass(frozen=True)
class Rotated:
    """What a rotation did. ``former`` is the secret file as it was, which older backups of the vault still need."""

    scopes: int
    key_id: str
    former: Path


def rotate_secret(settings: Settings, *, actor: str) -> Rotated:
    """Make a new key-encryption key, wrap the data key of every scope under it, and drop the old one from the file.

    In between the file holds both keys, so a crash at any point leaves a vault that opens. The keys of pseudonyms and
    look-ups stay: they decide what everything is called. Audited.

    Raises:
        InputError: the secret comes from a secrets backend, which only its own tools can write to.
        SetupError: the secret file is not this vault's.
        TransientError: the vault does not answer; rotating again finishes the work.
    """
    if settings.secret_connection:
        raise InputError(
            f"the secret comes over the connection {settings.secret_connection!r}: save it to a file (0600), unset "
            "PACS2TRIAL_SECRET_CONNECTION, set PACS2TRIAL_SECRET_FILE, rotate, and put the new text back"
        )
    path = settings.secret_path
    Vault.open(settings).close()
    text = path.read_text("utf-8")
    former = path.with_name(f"{path.name}.before-rotation-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    replace_secret(former, text)
    replace_secret(path, with_new_wrap_key(text))
    vault = Vault.open(settings)
    try:
        with vault.session() as session:
            scopes = vault.wrap_anew(session)
            vault.audit.append(session, "secret rotate", actor=actor, target=vault.wrap_key_id, scopes=scopes)
    finally:
        vault.close()
    replace_secret(path, with_one_wrap_key(path.read_text("utf-8")))
    return Rotated(scopes, vault.wrap_key_id, former)
