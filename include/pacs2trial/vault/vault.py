"""The vault: everything that must last, behind one door."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import Connection, Engine, select
from sqlalchemy.orm import Session
from typing_extensions import Buffer

from pacs2trial.connections import Connections, SiteConnections
from pacs2trial.errors import InputError, PermanentError, SetupError
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import encryption, schema
from pacs2trial.vault.audit import Audit
from pacs2trial.vault.database import Database, insert_new, vault_url
from pacs2trial.vault.derivation import days_from, keyed_digest
from pacs2trial.vault.disclosure import Disclosures
from pacs2trial.vault.identities import Identities
from pacs2trial.vault.locks import LEASE_SECONDS, lease
from pacs2trial.vault.pseudonyms import Pseudonyms
from pacs2trial.vault.scopes import Scopes
from pacs2trial.vault.secret import Secret, create_secret, read_secret, secret_from_text
from pacs2trial.vault.tables import DateShift, Pin, Scope

MOST_DAYS = 3650
"""Dates move by at most this many days in either direction."""


class Vault:
    """An open vault. Safe for threads, and in a child process after a fork."""

    def __init__(self, settings: Settings, database: Database, secret: Secret) -> None:
        self._database = database
        self._secret = secret
        self._scopes = Scopes(database, secret)
        self._pseudonyms: dict[str, Pseudonyms] = {}
        self._disclosures = Disclosures(database)
        self.audit = Audit(database, secret)
        self.identities = Identities(
            database, self._scopes.open(STAGING), secret.lookup.value, settings.issuer, self._disclosures
        )

    @classmethod
    def create(cls, settings: Settings, connections: Connections | None = None) -> None:
        """Set up what is missing: folders, secret file, database, tables; what is there already stays.

        A secret that comes over a connection is never made here, because it has to be put there first.

        Raises:
            SetupError: the vault has content but its secret file is gone; a new one could not read it.
        """
        for folder in (settings.home, settings.staging, settings.quarantine, settings.packages, settings.keys):
            _make_folder(folder)
        database = Database(vault_url(settings.database_url), durable=settings.durable)
        try:
            _make_file(database)
            schema.upgrade(database)
            if not settings.secret_connection and not settings.secret_path.exists():
                _require_empty(database, settings)
                _make_folder(settings.secret_path.parent)
                create_secret(settings.secret_path)
            cls(settings, database, secret_of(settings, connections))
        finally:
            database.close()

    @classmethod
    def open(cls, settings: Settings, connections: Connections | None = None) -> Vault:
        """Open the vault.

        Args:
            settings: where it is.
            connections: where ``PACS2TRIAL_SECRET_CONNECTION`` is looked up; the site's own when absent.

        Raises:
            SetupError: the secret file is missing, weak, readable by others or not this vault's; or the tables are
                missing or of another release. The message says what to do.
            TransientError: the database does not answer.
        """
        secret = secret_of(settings, connections)
        database = Database(vault_url(settings.database_url), durable=settings.durable)
        schema.require_head(database)
        return cls(settings, database, secret)

    @property
    def engine(self) -> Engine:
        """The engine of this process. Domain code uses :meth:`session`."""
        return self._database.engine

    def session(self, *, read_only: bool = False) -> AbstractContextManager[Session]:
        """One transaction: committed at the end of the block, rolled back on an error.

        Keep it short and do no other I/O in it: SQLite knows one writer. ``read_only`` waits for nobody. A writing
        session must not be opened inside another one of the same thread, nor the methods of the vault that write.

        Raises:
            TransientError: the database is not there, or was busy for 30 s.
            PermanentError: it refused a row.
        """
        return self._database.session(read_only=read_only)

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction as :meth:`session`, for what is written of every instance."""
        return self._database.writing()

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection for single questions, as are asked for every instance; errors as :meth:`session`."""
        return self._database.reading()

    def wrap_anew(self, session: Session) -> int:
        """Wrap the data keys of all scopes under the first key-encryption key of the secret; returns how many."""
        return self._scopes.wrap_anew(session)

    @property
    def wrap_key_id(self) -> str:
        """What the key-encryption key in use is called."""
        return self._secret.wrap[0].id

    def forget_scope(self, name: str) -> None:
        """Drop what this process remembers of a scope."""
        self._scopes.forget(name)
        self._pseudonyms.pop(name, None)

    def overwriting(self) -> AbstractContextManager[Session]:
        """A writing :meth:`session` in which SQLite overwrites what is deleted; for erasures."""
        return self._database.session(overwrite=True)

    def compact(self, tables: Sequence[str]) -> None:
        """Let the database give up what was deleted: nothing of it stays in its files or its write-ahead log."""
        self._database.compact(tables)

    def close(self) -> None:
        """Close the connections of this process."""
        self._database.close()

    def pseudonyms(self, scope: str) -> Pseudonyms:
        """The pseudonyms of STAGING or of a trial, whose row is made if it is new."""
        found = self._pseudonyms.get(scope)
        if found is None:
            keys = self._scopes.open(scope)
            found = Pseudonyms(self._database, keys, self._secret.lookup.value, self._disclosures)
            found = self._pseudonyms.setdefault(scope, found)
        return found

    def lock(self, name: str, ttl: float = LEASE_SECONDS) -> AbstractContextManager[None]:
        """Hold ``name`` (such as ``<trial>/<subject key>``) against every other process inside the block.

        It is renewed in the background; ``ttl`` is for how many seconds a killed process blocks others.

        Raises:
            TransientError: another holds it.
        """
        return lease(self._database, name, ttl)

    def pin(self, kind: str, content: bytes) -> str:
        """Keep what decides bytes (promise 7) under its SHA-256, which is returned. The same content is kept once."""
        digest = hashlib.sha256(content).hexdigest()
        with self._database.session(read_only=True) as session:
            known = session.get(Pin, digest) is not None
        if not known:
            with self._database.session() as session:
                insert_new(session, Pin, [{"digest": digest, "kind": kind, "content": content}])
        return digest

    def pinned(self, digest: str) -> bytes:
        """What was kept under ``digest``.

        Raises:
            PermanentError: nothing was, or it is no longer what it was.
        """
        with self._database.session(read_only=True) as session:
            pin = session.get(Pin, digest)
        if pin is None or hashlib.sha256(pin.content).hexdigest() != digest:
            raise PermanentError(f"the vault does not hold what was pinned as {digest[:16]}…")
        return pin.content

    def date_shift(self, person_id: int, trial: str) -> int:
        """Whole days by which this person's dates move in this trial: -3650 to 3650, never 0, never another."""
        scope = self._scopes.open(trial)
        query = select(DateShift.days).where(DateShift.scope_id == scope.id, DateShift.person_id == person_id)
        with self._database.session(read_only=True) as session:
            days = session.scalars(query).one_or_none()
        if days is not None:
            return days
        digest = keyed_digest(scope.pseudonym_key, "date shift", str(person_id))
        proposal = {"scope_id": scope.id, "person_id": person_id, "days": days_from(digest, most=MOST_DAYS)}
        with self._database.session() as session:
            insert_new(session, DateShift, [proposal])
            return session.scalars(query).one()

    def seal(self, scope: str, data: Buffer) -> bytes:
        """Encrypt ``data`` under the data key of ``scope``; whole objects too. Twice the same data differs."""
        return encryption.seal(self._scopes.open(scope).data_key, data)

    def sealing(self, scope: str, parts: Sequence[Buffer]) -> Iterator[bytes]:
        """What :meth:`seal` makes of the parts of a large object, piece by piece."""
        return encryption.sealing(self._scopes.open(scope).data_key, parts)

    def unseal(self, scope: str, data: Buffer, *, caller: str, purpose: str) -> bytes:
        """Decrypt one value; see :meth:`disclose`."""
        return self.disclose(scope, [data], caller=caller, purpose=purpose)[0]

    def disclose(self, scope: str, sealed: Sequence[Buffer], *, caller: str, purpose: str) -> list[bytes]:
        """Decrypt values sealed in ``scope``, in their order. Caller, purpose and count are recorded first."""
        key = self._scopes.open(scope).data_key
        self._disclosures.record(caller, purpose, len(sealed))
        return [encryption.unseal(key, value) for value in sealed]

    def fingerprint(self, data: Buffer) -> str:
        """A keyed digest that recognises ``data`` without revealing it: 64 hex digits, the same for ever."""
        return keyed_digest(self._secret.lookup.value, "fingerprint", bytes(data)).hex()


def secret_of(settings: Settings, connections: Connections | None = None) -> Secret:
    """The secret of a site: from its file, or over the connection that the settings name.

    Raises:
        SetupError: it is missing, readable by others, malformed or weak.
    """
    name = settings.secret_connection
    if not name:
        return read_secret(settings.secret_path)
    try:
        found = (connections or SiteConnections(settings)).get(name)
    except InputError as error:
        raise SetupError(f"PACS2TRIAL_SECRET_CONNECTION: {error}") from None
    return secret_from_text(found.password, f"the password of connection {name!r}")


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _make_file(database: Database) -> None:
    """Create an absent SQLite file readable by its owner only; SQLite's side files follow its mode."""
    if database.path is not None:
        _make_folder(database.path.parent)
        database.path.touch(mode=0o600, exist_ok=True)


def _require_empty(database: Database, settings: Settings) -> None:
    with database.session(read_only=True) as session:
        used = session.scalars(select(Scope.name).limit(1)).one_or_none()
    if used is not None:
        raise SetupError(
            f"the vault has content, but its secret file {settings.secret_path} is missing: restore it from backup; "
            "a new secret could not read this vault"
        )
