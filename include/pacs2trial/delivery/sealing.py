"""Encryption of a package to the trial's public key, in the format of age (age-encryption.org/v1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyrage

from pacs2trial.collect.replacing import file_sha256
from pacs2trial.delivery.outgoing import Outgoing
from pacs2trial.errors import InputError, PermanentError, TransientError

SUFFIX = ".age"


def sealed(package: Outgoing, recipients: Sequence[str]) -> Outgoing:
    """The package encrypted, in a file beside it that stays until :func:`unseal`, so that a repetition sends the same.

    Args:
        package: what leaves.
        recipients: public keys, ``age1…`` or ``ssh-ed25519 …`` and ``ssh-rsa …``; each can open it.

    Raises:
        InputError: a key is none.
        PermanentError: the package is not what was verified.
        TransientError: the disk is full or cannot be written.
    """
    keys = [recipient(text) for text in recipients]
    mark = hashlib.sha256("\n".join([package.content_digest, package.sha256, *sorted(recipients)]).encode()).hexdigest()
    file = package.file.with_name(f".{package.file.name}.{mark[:16]}{SUFFIX}")
    if not file.exists():
        _write(package, file, keys)
    return replace(package, file=file, name=package.name + SUFFIX, size=file.stat().st_size, sha256=file_sha256(file))


def unseal(package: Outgoing) -> None:
    """Remove the encrypted file of a package that has arrived."""
    package.file.unlink(missing_ok=True)


def recipient(text: str) -> pyrage.x25519.Recipient | pyrage.ssh.Recipient:
    """A public key.

    Raises:
        InputError: it is none.
    """
    kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
    try:
        return kind.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise InputError(
            f"deliver: encrypt: {text[:12]}… is no public key of age: it begins with age1 (age-keygen -y shows it) "
            "or is an SSH key of type ed25519 or rsa"
        ) from None


def _write(package: Outgoing, file: Path, keys: Sequence[pyrage.x25519.Recipient | pyrage.ssh.Recipient]) -> None:
    if file_sha256(package.file) != package.sha256:
        raise PermanentError(f"{package.trial}/{package.name} is not the file that was verified; collect again")
    part = file.with_name(f"{file.name}.part")
    try:
        pyrage.encrypt_file(str(package.file), str(part), list(keys))
        part.replace(file)
    except (OSError, pyrage.EncryptError) as error:
        part.unlink(missing_ok=True)
        raise TransientError(f"{file.parent} cannot be written: {type(error).__name__}") from None
