"""The texts that leave in packages: counted when a package is made, sealed in the vault, shown to people.

A text is an attribute's keyword and one value. Coded strings count where they are no terms; what the engine wrote
(``ROI_3``, ``REMOVED``) does not. A text is new to a trial until a person has marked it reviewed or has approved a
package that holds it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pacs2trial.deidentify import Deidentified
from pacs2trial.deidentify.charset import decode
from pacs2trial.deidentify.descriptors import is_made_from_number
from pacs2trial.deidentify.identifiers import DUMMY_WORD
from pacs2trial.profile.descriptors import is_safe_word
from pacs2trial.vault import Vault
from pacs2trial.vault.database import batches, insert_new
from pacs2trial.vault.tables import HeldNames, PackageRow, PackageState, PackageTexts, ReviewedText, Subject
from pacs2trial.workspace import Workspace

Text = tuple[str, str]
"""Keyword of the attribute, value."""

_CALLER: Final = "text report"
_TERM: Final = re.compile(r"[A-Z0-9 _]{1,16}")
_WORD: Final = re.compile(r"[A-Z0-9]+")


@dataclass(frozen=True)
class SeenText:
    """One text in the packages of a trial that are in force.

    Attributes:
        attribute: keyword.
        value: as it leaves.
        count: attributes that hold it.
        subjects: of whose packages.
        new: nobody has reviewed it.
    """

    attribute: str
    value: str
    count: int
    subjects: tuple[str, ...]
    new: bool


class TextCount:
    """Counts the texts of one package while it is made."""

    def __init__(self) -> None:
        self._found: Counter[tuple[str, bytes, bytes]] = Counter()
        self._unknown: set[tuple[str, bytes, bytes]] = set()

    def add(self, made: Deidentified) -> None:
        self._found.update(made.passed)
        self._unknown.update(made.unknown_names)

    def unknown_names(self) -> list[Text]:
        """Names that the trial must know before they may leave, ordered."""
        return sorted((keyword, _decoded(value, charset)) for keyword, charset, value in self._unknown)

    def texts(self) -> Counter[Text]:
        counted: Counter[Text] = Counter()
        for (keyword, charset, value), number in self._found.items():
            for one in _decoded(value, charset).split("\\"):
                if _is_worth_a_look(one.strip()):
                    counted[keyword, one.strip()] += number
        return counted


def record_texts(session: Session, vault: Vault, trial: str, package_id: int, texts: Mapping[Text, int]) -> None:
    """Keep the texts of a package that was just made."""
    content = json.dumps([[*text, number] for text, number in sorted(texts.items())], ensure_ascii=False)
    session.execute(delete(PackageTexts).where(PackageTexts.package_id == package_id))
    session.add(
        PackageTexts(
            package_id=package_id,
            content_sealed=vault.seal(trial, content.encode()),
            lookups=[_lookup(vault, trial, text) for text in sorted(texts)],
        )
    )


def texts_of(ws: Workspace, trial: str, *, only_new: bool = False) -> list[SeenText]:
    """The texts in the packages of a trial that are in force, ordered by attribute and value."""
    with ws.vault.session(read_only=True) as session:
        rows = [(key, row.content_sealed) for key, row in _in_force(session, trial)]
        reviewed = _reviewed(session, trial)
    contents = ws.vault.disclose(trial, [sealed for _, sealed in rows], caller=_CALLER, purpose="texts that leave")
    counted: Counter[Text] = Counter()
    subjects: dict[Text, set[str]] = {}
    for (key, _), content in zip(rows, contents, strict=True):
        for attribute, value, number in json.loads(content):
            counted[attribute, value] += number
            subjects.setdefault((attribute, value), set()).add(key)
    found = [
        SeenText(*text, number, tuple(sorted(subjects[text])), _lookup(ws.vault, trial, text) not in reviewed)
        for text, number in sorted(counted.items())
    ]
    return [one for one in found if one.new or not only_new]


def new_texts(ws: Workspace, trial: str) -> dict[int, int]:
    """How many new texts each package in force holds; nothing is decrypted."""
    with ws.vault.session(read_only=True) as session:
        reviewed = _reviewed(session, trial)
        return {row.package_id: len(set(row.lookups) - reviewed) for _, row in _in_force(session, trial)}


def mark_reviewed(session: Session, trial: str, package_ids: Iterable[int] | None, actor: str) -> int:
    """Note that a person has seen the texts of these packages, or of all in force.

    Returns:
        How many of them were new.
    """
    wanted = None if package_ids is None else set(package_ids)
    rows = [row for _, row in _in_force(session, trial) if wanted is None or row.package_id in wanted]
    return _mark(session, trial, {lookup for row in rows for lookup in row.lookups}, actor)


def mark_texts(session: Session, vault: Vault, trial: str, texts: Iterable[Text], actor: str) -> int:
    """Note that a person has seen these texts. Returns how many of them were new."""
    return _mark(session, trial, {_lookup(vault, trial, text) for text in texts}, actor)


# ---- names that hold a subject ------------------------------------------------------------------------------------


def hold_names(vault: Vault, trial: str, subject_id: int, names: Sequence[Text]) -> None:
    """Keep for a person the names that a subject waits for; none frees it."""
    mine = (HeldNames.trial == trial, HeldNames.subject_id == subject_id)
    with vault.session(read_only=True) as session:
        held_before = session.scalar(select(HeldNames.id).where(*mine)) is not None
    if not names and not held_before:
        return
    sealed = vault.seal(trial, json.dumps(names, ensure_ascii=False).encode())
    with vault.session() as session:
        session.execute(delete(HeldNames).where(*mine))
        if names:
            session.add(HeldNames(trial=trial, subject_id=subject_id, content_sealed=sealed))


def held_names(ws: Workspace, trial: str) -> dict[str, list[Text]]:
    """Subject key → the names that hold it."""
    with ws.vault.session(read_only=True) as session:
        rows = session.execute(
            select(Subject.key, HeldNames.content_sealed)
            .join(Subject, Subject.id == HeldNames.subject_id)
            .where(HeldNames.trial == trial)
            .order_by(Subject.key)
        ).all()
    contents = ws.vault.disclose(trial, [row[1] for row in rows], caller=_CALLER, purpose="names that hold subjects")
    return {row[0]: [(one[0], one[1]) for one in json.loads(text)] for row, text in zip(rows, contents, strict=True)}


# ---- details ------------------------------------------------------------------------------------------------------


def _in_force(session: Session, trial: str) -> list[tuple[str, PackageTexts]]:
    rows = session.execute(
        select(Subject.key, PackageTexts)
        .join(PackageRow, PackageRow.id == PackageTexts.package_id)
        .join(Subject, Subject.id == PackageRow.subject_id)
        .where(PackageRow.trial == trial, PackageRow.state != PackageState.SUPERSEDED)
        .order_by(Subject.key, PackageRow.study)
    )
    return [(key, row) for key, row in rows]


def _mark(session: Session, trial: str, lookups: set[str], actor: str) -> int:
    fresh = sorted(lookups - _reviewed(session, trial))
    for some in batches(fresh):
        insert_new(session, ReviewedText, [{"trial": trial, "lookup": one, "reviewed_by": actor} for one in some])
    return len(fresh)


def _reviewed(session: Session, trial: str) -> set[str]:
    return set(session.scalars(select(ReviewedText.lookup).where(ReviewedText.trial == trial)))


def _lookup(vault: Vault, trial: str, text: Text) -> str:
    return vault.fingerprint(json.dumps([trial, *text], ensure_ascii=False).encode())


def _decoded(value: bytes, charset: bytes) -> str:
    text = decode(value, charset)
    return text if text is not None else value.decode("latin-1")


@lru_cache(maxsize=4096)
def _is_worth_a_look(value: str) -> bool:
    if not value or value == DUMMY_WORD or is_made_from_number(value):
        return False
    is_term = _TERM.fullmatch(value) and all(map(is_safe_word, _WORD.findall(value)))
    return not is_term
