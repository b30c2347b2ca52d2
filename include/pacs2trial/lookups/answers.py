"""Answers: asked anew and written down in the vault, or those that a package was made from (promise 7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import select

from pacs2trial.errors import HeldError, PermanentError
from pacs2trial.keytable import EnrolledSubject
from pacs2trial.lookups.question import Question
from pacs2trial.lookups.sources import Source, source_of
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault import Vault
from pacs2trial.vault.database import insert_new
from pacs2trial.vault.tables import LookupAnswer
from pacs2trial.workspace import Workspace

CALLER = "lookups"

Pin = tuple[str, str, str]
"""Look-up, keyed digest of the question, keyed digest of the answer: what a package pins."""


@dataclass(frozen=True)
class Answer:
    """The answer to one question, and what pins it."""

    text: str = field(repr=False)
    pin: Pin


class Answers(Protocol):
    """Whoever answers the questions of one subject."""

    def answer(self, question: Question) -> Answer:
        """The answer.

        Raises:
            HeldError: there is none, or there are several.
        """
        ...


class Asked:
    """Asks the hospital's tables, each question once, and writes every answer down before it is used.

    ``written_down`` is False where nothing is made that would have to be made again, as in a preview.
    """

    def __init__(
        self, ws: Workspace, definition: TrialDefinition, subject: EnrolledSubject, *, written_down: bool = True
    ) -> None:
        self._ws = ws
        self._definition = definition
        self._subject = subject
        self._keep = written_down
        self._sources: dict[str, Source] = {}
        self._given: dict[Question, Answer] = {}

    def answer(self, question: Question) -> Answer:
        """See :class:`Answers`.

        Raises:
            InputError: file, column, connection or query are wrong.
            TransientError: the database does not answer.
        """
        given = self._given.get(question)
        if given is None:
            given = self._given[question] = self._written_down(question, self._text(question))
        return given

    def _text(self, question: Question) -> str:
        name, trial = question.lookup, self._definition.trial
        lookup = self._definition.lookups[name]
        where = f"{trial}/{self._subject.subject_key}: look-up {name}"
        found: set[str] = set()
        if not question.lacks:
            if name not in self._sources:
                place = f"trial {trial}, lookups.{name}"
                self._sources[name] = source_of(place, lookup, self._ws.settings, self._ws.connections)
            found = self._sources[name](question)
        if len(found) > 1:
            raise HeldError(f"{where}: there are {len(found)} answers that differ: correct the table that is asked")
        if found:
            return found.pop()
        if lookup.default is not None:
            return lookup.default
        why = f"{' and '.join(question.lacks)} is empty" if question.lacks else "the table has none"
        raise HeldError(f"{where}: no answer, since {why}: add it there, or give the look-up a default")

    def _written_down(self, question: Question, text: str) -> Answer:
        vault, trial = self._ws.vault, self._definition.trial
        answer = Answer(text, (question.lookup, question.fingerprint(vault), vault.fingerprint(text.encode())))
        if not self._keep:
            return answer
        lookup, asked, given = answer.pin
        row = {
            "trial": trial,
            "subject_id": self._subject.subject_id,
            "lookup": lookup,
            "question": asked,
            "answer": given,
        }
        with vault.session(read_only=True) as session:
            known = session.scalar(select(LookupAnswer.id).filter_by(**row))
        if known is None:
            sealed = vault.seal(trial, text.encode())
            with vault.session() as session:
                insert_new(session, LookupAnswer, [{**row, "answer_sealed": sealed}])
        return answer


class Recorded:
    """The answers that a package pinned; nobody is asked."""

    def __init__(self, vault: Vault, trial: str, subject_id: int, pins: Iterable[Iterable[str]]) -> None:
        """Read them from the vault, which is recorded as a disclosure.

        Args:
            vault: where they are.
            trial: the trial ID.
            subject_id: whose they are.
            pins: as the inputs of the package name them.

        Raises:
            PermanentError: the vault does not hold one of them any more.
        """
        self._vault = vault
        wanted = {(lookup, question): answer for lookup, question, answer in pins}
        with vault.session(read_only=True) as session:
            query = select(LookupAnswer).where(LookupAnswer.trial == trial, LookupAnswer.subject_id == subject_id)
            rows = [row for row in session.scalars(query) if wanted.get((row.lookup, row.question)) == row.answer]
        if len(rows) < len(wanted):
            raise PermanentError(f"{trial}: the vault lacks {len(wanted) - len(rows)} answers of look-ups")
        texts = vault.disclose(trial, [row.answer_sealed for row in rows], caller=CALLER, purpose="restore")
        self._texts = {
            (row.lookup, row.question): Answer(text.decode(), (row.lookup, row.question, row.answer))
            for row, text in zip(rows, texts, strict=True)
        }

    def answer(self, question: Question) -> Answer:
        """See :class:`Answers`.

        Raises:
            PermanentError: the package was not made with this question.
        """
        found = self._texts.get((question.lookup, question.fingerprint(self._vault)))
        if found is None:
            raise PermanentError(f"look-up {question.lookup} was not asked like this when the package was made")
        return found
