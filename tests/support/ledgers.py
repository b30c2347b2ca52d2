"""Ledger entries to test with: instances of invented patients, announced or arrived, and subjects who own them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from pacs2trial.staging.ledger import Announced, Arrival, Content
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.tables import Instance, InstanceState, Judgement, Kind, Subject, TrialInstance

CT = "1.2.840.10008.5.1.4.1.1.2"
PACS = "pacs:main"
PUSH = "push:SCANNER"


@dataclass(frozen=True)
class Book:
    """Writes entries into a vault's ledger; originals are made up from the numbers of study and instance."""

    vault: Vault

    def uid(self, original: str) -> str:
        wanted = Original(Kind.UID, original)
        return self.vault.pseudonyms("STAGING").resolve([wanted])[wanted]

    def announced(self, patient_id: str, number: int, *, modality: str = "CT", study: int = 1) -> Announced:
        return Announced(
            identifier_id=self.vault.identities.patient("", patient_id).identifier_id,
            study=self.uid(f"1.2.3.{study}"),
            series=self.uid(f"1.2.3.{study}.1"),
            sop_instance=self.uid(f"1.2.3.{study}.1.{number}"),
            sop_class=CT,
            modality=modality,
            study_date=date(2024, 3, study),
        )

    def arrival(self, patient_id: str, number: int, *, source: str = PUSH, modality: str = "CT") -> Arrival:
        return Arrival(self.announced(patient_id, number, modality=modality), source, b"sealed")

    def content(self, seed: int = 1) -> Content:
        return Content(f"{seed:064x}", 100, f"{seed}.dcm", self.vault.pin("staging-plan", b"a plan"))

    def enrol(self, trial: str, key: str, patient_id: str) -> int:
        """A subject of ``trial`` who is the person behind ``patient_id``; the id of its row."""
        person_id = self.vault.identities.patient("", patient_id).person_id
        with self.vault.session() as session:
            subject = Subject(trial=trial, key=key, person_id=person_id)
            session.add(subject)
            session.flush()
            return subject.id

    def judge(self, trial: str, subject_id: int, instance: Announced, judgement: Judgement) -> None:
        with self.vault.session() as session:
            row = session.scalars(select(Instance).where(Instance.sop_instance == instance.sop_instance)).one()
            session.add(
                TrialInstance(
                    trial=trial, subject_id=subject_id, instance_id=row.id, state=judgement, rule="written by the test"
                )
            )

    def states(self) -> dict[str, InstanceState]:
        with self.vault.session(read_only=True) as session:
            return {
                sop_instance: InstanceState(state)
                for sop_instance, state in session.execute(select(Instance.sop_instance, Instance.state))
            }
