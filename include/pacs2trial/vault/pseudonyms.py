"""Pseudonyms: one original, one pseudonym per scope, for ever (promise 2).

The keyed derivation proposes, the row decides: rows made by another process, or taken over from another system, win.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, union_all
from sqlalchemy.orm import Session
from sqlalchemy.sql import ClauseElement

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.vault import direct, encryption
from pacs2trial.vault.compact import CompactText, packed, unpacked
from pacs2trial.vault.database import Database, batches, insert_new
from pacs2trial.vault.derivation import code_from, keyed_digest, uid_from
from pacs2trial.vault.disclosure import Disclosures
from pacs2trial.vault.scopes import ScopeKeys
from pacs2trial.vault.tables import Kind, Pseudonym, Scope

_KINDS = {kind.value: kind for kind in Kind}

PADDING = " \0"
"""What PS3.5 6.2 lets stand behind a value without meaning."""

CODE_LETTERS = {Kind.ACCESSION: "A", Kind.STUDY_ID: "S", Kind.HASH: "H"}
SEALED_IN_STAGING = frozenset(CODE_LETTERS)
SEALED_EVERYWHERE = frozenset((Kind.HASH,))

LONGEST_IN_CLEAR = 256
"""Characters of an original that is its own look-up value; PostgreSQL's indexes take no value without bound."""

REMEMBERED = 200_000
"""Committed rows that one process keeps in memory per scope; when full it forgets all of them."""


class SupersededError(TransientError):
    """The vault got another pseudonym for an original while an object was made with the one that was proposed."""


class Original(NamedTuple):
    """A value that needs a pseudonym, as it stands in the object; trailing padding (NUL, space) does not count."""

    kind: Kind
    value: str


class Pseudonyms:
    """The pseudonyms of one scope; safe for threads and processes."""

    def __init__(self, database: Database, scope: ScopeKeys, lookup_key: bytes, disclosures: Disclosures) -> None:
        self._database = database
        self._scope = scope
        self._lookup_key = lookup_key
        self._disclosures = disclosures
        self._known: dict[Original, str] = {}

    def resolve(self, originals: Iterable[Original]) -> dict[Original, str]:
        """The pseudonyms of all ``originals``, made where they are new and committed before this returns.

        Raises:
            TransientError: the database did not answer; nothing of this call is half known.
            PermanentError: a proposed pseudonym stands for another original already.
        """
        wanted = list(originals)
        found = self._remembered(wanted)
        if len(found) == len(wanted):
            return found
        asked = {original: _bare(original) for original in wanted}
        found = self._remembered(asked.values())
        missing = {original for original in asked.values() if original not in found}
        if missing:
            found |= self._get_or_create(missing)
        return {original: found[bare] for original, bare in asked.items()}

    def draft(self) -> Draft:
        """For one object whose pseudonyms are to be committed together with what is recorded of it."""
        return Draft(self)

    def look_up(self, originals: Iterable[Original]) -> tuple[dict[Original, str], list[Mapping[str, Any]]]:
        """The pseudonyms of ``originals``, and the rows of those that are proposals and no more; writes nothing."""
        asking = list(originals)
        found = self._remembered(asking)
        if len(found) == len(set(asking)):
            return found, []
        asked = {original: _bare(original) for original in asking}
        found = self._remembered(asked.values())
        wanted = {(bare.kind, self.lookup(bare)): bare for bare in asked.values() if bare not in found}
        proposals: list[Mapping[str, Any]] = []
        if wanted:
            with self._database.reading() as connection:
                rows = self._select(connection, wanted)
            committed = {wanted[key]: pseudo for key, pseudo in rows.items()}
            self._remember(committed)
            proposals = [self._proposal(bare, lookup=key[1]) for key, bare in wanted.items() if key not in rows]
            found |= committed
            found |= {wanted[one["kind"], one["lookup"]]: one["pseudo"] for one in proposals}
        return {original: found[bare] for original, bare in asked.items()}, proposals

    def keep(self, connection: Connection, drafts: Iterable[Draft]) -> None:
        """Write what drafts propose, in a transaction of the caller.

        Raises:
            SupersededError: the vault holds another pseudonym by now, as after a mapping was taken over; nothing of
                the transaction may stay, and the object is to be made anew.
            PermanentError: as for :meth:`resolve`.
        """
        proposed = {(row["kind"], row["lookup"]): row for draft in drafts for row in draft.proposals}
        if not proposed:
            return
        self._require_not_erased(connection)
        for batch in batches(sorted(proposed.values(), key=_place)):
            for key, pseudo in self._made(connection, batch).items():
                if proposed[key]["pseudo"] != pseudo:
                    raise SupersededError("pseudonyms were taken over at this moment; send the object again")

    def kept(self, drafts: Iterable[Draft]) -> None:
        """Remember what drafts proposed, once the transaction of :meth:`keep` is committed."""
        self._remember({original: pseudo for draft in drafts for original, pseudo in draft.found.items()})

    def originals_of(self, kind: Kind, pseudos: Iterable[str], *, caller: str, purpose: str) -> dict[str, str]:
        """The originals behind pseudonyms of one kind, by pseudonym; unknown pseudonyms are left out.

        The use is recorded as a disclosure.
        """
        rows: dict[str, tuple[str, bytes | None]] = {}
        with self._database.session(read_only=True) as session:
            for batch in batches(sorted(set(pseudos))):
                query = select(Pseudonym.pseudo, Pseudonym.lookup, Pseudonym.original_sealed).where(
                    Pseudonym.scope_id == self._scope.id, Pseudonym.kind == kind, Pseudonym.pseudo.in_(batch)
                )
                rows |= {pseudo: (lookup, sealed) for pseudo, lookup, sealed in session.execute(query)}
        self._disclosures.record(caller, purpose, len(rows))
        key = self._scope.data_key
        return {
            pseudo: lookup if sealed is None else encryption.unseal(key, sealed).decode("utf-8")
            for pseudo, (lookup, sealed) in rows.items()
        }

    def held(self, session: Session, originals: Iterable[Original]) -> dict[Original, str]:
        """The pseudonyms that the vault holds of ``originals``; makes none."""
        keys = {(bare.kind, self.lookup(bare)): original for original in originals for bare in [_bare(original)]}
        return {keys[key]: pseudo for key, pseudo in self._select(session.connection(), keys).items()}

    def holders(self, session: Session, kind: Kind, pseudos: Iterable[str]) -> dict[str, str]:
        """The look-up values of the originals that these pseudonyms stand for; unknown ones are left out."""
        found: dict[str, str] = {}
        for batch in batches(sorted(pseudos)):
            query = select(Pseudonym.pseudo, Pseudonym.lookup).where(
                Pseudonym.scope_id == self._scope.id, Pseudonym.kind == kind, Pseudonym.pseudo.in_(batch)
            )
            found |= {row.pseudo: row.lookup for row in session.execute(query)}
        return found

    def enter(self, session: Session, wanted: Mapping[Original, str]) -> int:
        """Write pseudonyms that another system gave, inside a transaction of the caller; returns how many were new.

        Raises:
            PermanentError: the vault holds another one for one of them; nothing of the transaction may stay.
        """
        before = self.held(session, wanted)
        new = {original: pseudo for original, pseudo in wanted.items() if original not in before}
        rows = [self._proposal(_bare(one), lookup=self.lookup(one)) | {"pseudo": new[one]} for one in new]
        self._alone(session)
        for batch in batches(sorted(rows, key=_place)):
            insert_new(session, Pseudonym, batch)
        if self.held(session, wanted) != dict(wanted):
            raise PermanentError(f"scope {self._scope.name}: the table differs from the vault; nothing was taken over")
        return len(new)

    def lookup(self, original: Original) -> str:
        """What finds ``original`` in this scope: the value itself if it names nobody, else its keyed look-up value."""
        bare = _bare(original)
        return self._keyed_lookup(bare) if self._is_sealed(bare) else bare.value

    def _remembered(self, originals: Iterable[Original]) -> dict[Original, str]:
        known = self._known
        return {original: known[original] for original in originals if original in known}

    def _remember(self, committed: dict[Original, str]) -> None:
        if len(self._known) + len(committed) > REMEMBERED:
            self._known = {}
        self._known.update(committed)

    def _get_or_create(self, originals: set[Original]) -> dict[Original, str]:
        wanted = {(original.kind, self.lookup(original)): original for original in originals}
        with self._database.reading() as connection:
            rows = self._select(connection, wanted)
        new = [self._proposal(original, lookup=key[1]) for key, original in wanted.items() if key not in rows]
        if new:
            with self._database.writing() as connection:
                self._require_not_erased(connection)
                for batch in batches(sorted(new, key=_place)):
                    rows |= self._made(connection, batch)
        found = {original: rows[key] for key, original in wanted.items()}
        self._remember(found)
        return found

    def _made(self, connection: Connection, proposals: Sequence[Mapping[str, Any]]) -> dict[tuple[Kind, str], str]:
        """The pseudonyms that stand in the vault after these were proposed."""
        proposed: dict[tuple[Kind, str], str] = {(one["kind"], one["lookup"]): one["pseudo"] for one in proposals}
        if insert_new(connection, Pseudonym, proposals) == len(proposals):
            return proposed
        made = self._select(connection, proposed)
        if len(made) < len(proposed):
            raise PermanentError(
                f"scope {self._scope.name}: {len(proposed) - len(made)} proposed pseudonyms stand for other "
                "originals already; compare the imported mapping with the vault"
            )
        return made

    def _alone(self, session: Session) -> None:
        """Wait until no other transaction makes pseudonyms of this scope: its rows might come in another order."""
        session.execute(select(Scope.id).where(Scope.id == self._scope.id).with_for_update())

    def _require_not_erased(self, connection: Connection) -> None:
        """A process that had opened the scope before it was erased still has its keys in memory."""
        if direct.rows(connection, _ERASED, {"scope": self._scope.id}) != [(None,)]:
            raise PermanentError(f"the scope {self._scope.name} was erased; its pseudonyms cannot be made again")

    def _select(self, connection: Connection, keys: Iterable[tuple[Kind, str]]) -> dict[tuple[Kind, str], str]:
        rows: dict[tuple[Kind, str], str] = {}
        for batch in batches(keys):
            by_kind: dict[Kind, list[str]] = {}
            for kind, lookup in batch:
                by_kind.setdefault(kind, []).append(lookup)
            asked: dict[str, object] = {"scope": self._scope.id}
            for kind, lookups in by_kind.items():
                by_kind[kind] = lookups + lookups[-1:] * (_rounded(len(lookups)) - len(lookups))
                asked |= {f"{kind.value}_{place}": lookup for place, lookup in enumerate(by_kind[kind])}
            question = _question(tuple(sorted((kind, len(lookups)) for kind, lookups in by_kind.items())))
            for kind, lookup, pseudo in direct.rows(connection, question, asked):
                rows[_KINDS[kind], unpacked(bytes(lookup))] = unpacked(bytes(pseudo))
        return rows

    def _proposal(self, original: Original, *, lookup: str) -> dict[str, Any]:
        digest = keyed_digest(self._scope.pseudonym_key, original.kind.value, original.value)
        letter = CODE_LETTERS.get(original.kind)
        sealed = encryption.seal(self._scope.data_key, original.value.encode()) if self._is_sealed(original) else None
        return {
            "scope_id": self._scope.id,
            "kind": original.kind,
            "lookup": lookup,
            "original_sealed": sealed,
            "pseudo": code_from(letter, digest) if letter else uid_from(digest),
        }

    def _is_sealed(self, original: Original) -> bool:
        names_someone = self._scope.is_staging and original.kind in SEALED_IN_STAGING
        return names_someone or original.kind in SEALED_EVERYWHERE or len(original.value) > LONGEST_IN_CLEAR

    def _keyed_lookup(self, original: Original) -> str:
        return keyed_digest(self._lookup_key, self._scope.name, original.kind.value, original.value).hex()


class Draft:
    """Pseudonyms of one object, some of which are proposals until :meth:`Pseudonyms.keep` has written them.

    Attributes:
        found: what it was asked for.
        proposals: rows that the vault does not hold.
    """

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self.found: dict[Original, str] = {}
        self.proposals: list[Mapping[str, Any]] = []

    def resolve(self, originals: Iterable[Original]) -> dict[Original, str]:
        """As :meth:`Pseudonyms.resolve`, but nothing is committed.

        Raises:
            TransientError: the database did not answer.
        """
        found, proposals = self._pseudonyms.look_up(originals)
        self.found |= {_bare(original): pseudo for original, pseudo in found.items()}
        self.proposals += proposals
        return found

    def is_new(self, pseudo: str) -> bool:
        """Whether it was not in the vault when it was asked for."""
        return any(row["pseudo"] == pseudo for row in self.proposals)


_ERASED = select(Scope.erased_at).where(Scope.id == bindparam("scope")).with_for_update(read=True)


def _rounded(number: int) -> int:
    """The next power of two, so that there are few statements, each of which is made once."""
    return 1 << (number - 1).bit_length()


@cache
def _question(kinds: tuple[tuple[Kind, int], ...]) -> ClauseElement:
    """Asks for the pseudonyms of so many originals of these kinds; its parameters are the scope, and look-up values."""
    parts = [
        select(Pseudonym.kind, Pseudonym.lookup, Pseudonym.pseudo).where(
            Pseudonym.scope_id == bindparam("scope"),
            Pseudonym.kind == kind,
            Pseudonym.lookup.in_([bindparam(f"{kind.value}_{place}", type_=CompactText) for place in range(number)]),
        )
        for kind, number in kinds
    ]
    return parts[0] if len(parts) == 1 else union_all(*parts)


def _place(row: Mapping[str, Any]) -> bytes:
    """Where the row stands in the index of pseudonyms: a batch in this order goes through that index once."""
    return packed(row["pseudo"])


def _bare(original: Original) -> Original:
    value = original.value.rstrip(PADDING)
    if not value or original.kind is Kind.PATIENT_ID:
        raise ValueError("only a UID, accession number or study ID that is not empty has a pseudonym here")
    return original if value == original.value else Original(original.kind, value)
