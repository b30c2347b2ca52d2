"""What look-ups are asked with, for each staged object whose rules write an answer.

Patient IDs and accession numbers are decrypted here, for the question alone, by the vault's one audited way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pacs2trial.errors import InputError
from pacs2trial.keytable import EnrolledSubject
from pacs2trial.lookups.question import Question
from pacs2trial.lookups.staged import staged_values
from pacs2trial.trials.attributes import keywords
from pacs2trial.trials.definition import STAGING, TrialDefinition
from pacs2trial.trials.lookups import ACCESSION, IDENTITIES, ISSUER, PATIENT_ID, SUBJECT_KEY
from pacs2trial.trials.nearest import unknown
from pacs2trial.vault.tables import Kind
from pacs2trial.workspace import Workspace

CALLER = "lookups"
ACCESSION_NUMBER = 0x00080050


@dataclass(frozen=True)
class About:
    """A staged object, and the look-ups that its rules use.

    Attributes:
        instance_id: its row.
        identifier_id: the patient ID under which it is filed.
        path: of its file below the staging folder.
        columns: the key table's columns for its study.
        lookups: names.
    """

    instance_id: int
    identifier_id: int
    path: str
    columns: Mapping[str, str] = field(repr=False)
    lookups: frozenset[str]


def questions(
    ws: Workspace, definition: TrialDefinition, subject: EnrolledSubject, objects: Sequence[About]
) -> dict[int, list[Question]]:
    """The questions of each object, by instance.

    Raises:
        InputError: a look-up is asked by what is no column of the key table and no attribute.
        PermanentError: a staged file is damaged.
    """
    known = _Known(ws, definition, subject, objects)
    return {
        one.instance_id: [
            Question.of(
                name, {asked_by: known.value(name, asked_by, one) for asked_by in definition.lookups[name].asked_by}
            )
            for name in sorted(one.lookups)
        ]
        for one in objects
    }


class _Known:
    """Everything that the questions of some objects may be asked with, read in a few goes."""

    def __init__(
        self, ws: Workspace, definition: TrialDefinition, subject: EnrolledSubject, objects: Sequence[About]
    ) -> None:
        self._definition = definition
        self._subject = subject
        asked_by = {one.instance_id: self._asked_by(one.lookups) for one in objects}
        purpose = f"look-ups of trial {definition.trial}"
        filed = {one.identifier_id for one in objects if asked_by[one.instance_id] & {PATIENT_ID, ISSUER}}
        self._patients = ws.vault.identities.original_ids(filed, caller=CALLER, purpose=purpose) if filed else {}
        self._staged: dict[int, dict[int, str]] = {}
        for one in objects:
            tags = self._tags(asked_by[one.instance_id], one)
            if tags:
                self._staged[one.instance_id] = staged_values(ws.settings.staging / one.path, tags, one.path)
        codes = {values[ACCESSION_NUMBER] for values in self._staged.values() if values.get(ACCESSION_NUMBER)}
        pseudonyms = ws.vault.pseudonyms(STAGING)
        self._accessions = (
            pseudonyms.originals_of(Kind.ACCESSION, codes, caller=CALLER, purpose=purpose) if codes else {}
        )

    def value(self, lookup: str, asked_by: str, one: About) -> str:
        """What stands behind a name that a look-up is asked by; empty where the object or subject has none."""
        if asked_by == SUBJECT_KEY:
            return self._subject.subject_key
        if asked_by in (PATIENT_ID, ISSUER):
            issuer, patient_id = self._patients[one.identifier_id]
            return patient_id if asked_by == PATIENT_ID else issuer
        staged = self._staged.get(one.instance_id, {})
        if asked_by == ACCESSION:
            return self._accessions.get(staged.get(ACCESSION_NUMBER, ""), "")
        if asked_by in one.columns:
            return one.columns[asked_by]
        if asked_by in keywords():
            return staged[keywords()[asked_by]]
        place = self._definition.place(("lookups", lookup))
        known = [SUBJECT_KEY, *IDENTITIES, *one.columns]
        raise InputError(f"{place}: is asked by an {unknown('column', asked_by, known, 'the key table lacks it')}")

    def _asked_by(self, lookups: Collection[str]) -> set[str]:
        return {name for lookup in lookups for name in self._definition.lookups[lookup].asked_by}

    @staticmethod
    def _tags(asked_by: set[str], one: About) -> set[int]:
        found = {keywords()[name] for name in asked_by if name in keywords() and name not in one.columns}
        return found | ({ACCESSION_NUMBER} if ACCESSION in asked_by else set())
