"""Scopes: STAGING and the trials, each with a random salt and a data key of its own.

The data key is wrapped under the key-encryption key and bound to the scope's name, to the pseudonym key and to the
look-up key: a vault opened with another secret file is refused before it derives a single wrong pseudonym.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap
from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.errors import PermanentError, SetupError
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import encryption
from pacs2trial.vault.database import Database, insert_new
from pacs2trial.vault.derivation import joined, keyed_digest, subkey
from pacs2trial.vault.secret import Secret
from pacs2trial.vault.tables import Scope

SALT_BYTES = 32
NAME = re.compile(r"[A-Z0-9_-]{1,32}")


@dataclass(frozen=True)
class ScopeKeys:
    """One scope, opened: its row's id and the keys that are valid in it only."""

    id: int
    name: str
    pseudonym_key: bytes = field(repr=False)
    data_key: bytes = field(repr=False)

    @property
    def is_staging(self) -> bool:
        return self.name == STAGING


class Scopes:
    """Opens scopes, making the row of a new one."""

    def __init__(self, database: Database, secret: Secret) -> None:
        self._database = database
        self._secret = secret
        self._open: dict[str, ScopeKeys] = {}

    def open(self, name: str) -> ScopeKeys:
        """The scope ``name``; its row is made if it is new, and committed.

        Raises:
            PermanentError: the scope was erased, which cannot be undone.
            SetupError: the secret file is not the one that the vault was made with.
        """
        found = self._open.get(name)
        if found is None:
            found = self._open[name] = self._unwrapped(self._row(name))
        return found

    def wrap_anew(self, session: Session) -> int:
        """Wrap every data key under the first key-encryption key; salts and data keys stay, so no pseudonym changes.

        Returns:
            How many data keys were wrapped anew.

        Raises:
            SetupError: the secret file lacks a key that one of them is wrapped under.
        """
        wrap_key = self._secret.wrap[0]
        query = select(Scope).where(Scope.data_key_sealed.is_not(None), Scope.wrapped_with != wrap_key.id)
        rows = session.scalars(query.with_for_update()).all()
        for row in rows:
            data_key = self._unwrapped(row).data_key
            row.data_key_sealed = encryption.wrap(wrap_key.value, data_key, self._context(row.name))
            row.wrapped_with = wrap_key.id
        return len(rows)

    def forget(self, name: str) -> None:
        """Drop an open scope from the memory of this process."""
        self._open.pop(name, None)

    def _row(self, name: str) -> Scope:
        if not NAME.fullmatch(name):
            raise ValueError("a scope is STAGING or a trial: 1 to 32 of A-Z, 0-9, _ and -")
        query = select(Scope).where(Scope.name == name)
        with self._database.session(read_only=True) as session:
            row = session.scalars(query).one_or_none()
        if row is not None:
            return row
        wrap_key = self._secret.wrap[0]
        new = {
            "name": name,
            "salt": secrets.token_bytes(SALT_BYTES),
            "data_key_sealed": encryption.wrap(wrap_key.value, encryption.new_data_key(), self._context(name)),
            "wrapped_with": wrap_key.id,
        }
        with self._database.session() as session:
            insert_new(session, Scope, [new])
            return session.scalars(query).one()

    def _unwrapped(self, row: Scope) -> ScopeKeys:
        if row.salt is None or row.data_key_sealed is None or row.wrapped_with is None:
            raise PermanentError(f"the scope {row.name} was erased; its pseudonyms cannot be made again")
        wrap_key = self._secret.wrap_key(row.wrapped_with)
        try:
            data_key = encryption.unwrap(wrap_key.value, row.data_key_sealed, self._context(row.name))
        except InvalidUnwrap:
            raise SetupError(
                "the secret file is not the one that this vault was made with: restore the right secret file"
            ) from None
        pseudonym_key = subkey(self._secret.pseudonym.value, salt=row.salt, info=f"pseudonyms of {row.name}")
        return ScopeKeys(row.id, row.name, pseudonym_key, data_key)

    def _context(self, name: str) -> bytes:
        """What a wrapped data key is bound to; of the keys only a commitment, by HMAC."""
        keys = (self._secret.pseudonym, self._secret.lookup)
        return joined("data key", name, *(keyed_digest(key.value, "commitment", key.id) for key in keys))
