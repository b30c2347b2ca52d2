"""One subject whose instances arrive by their facts alone, and the filter of its trial."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from pacs2trial.filtering.filter import Filtered, filter_subject
from pacs2trial.keytable import KeyTableRow, enrolled, import_key_table
from pacs2trial.staging import ledger
from pacs2trial.vault.tables import Instance, InstanceState, TrialInstance
from pacs2trial.workspace import Workspace
from support.ledgers import CT, PUSH, Book
from support.vaults import write_definition

TRIAL = "LUNGART"
FACTS = {
    "sop_class": CT,
    "modality": "CT",
    "photometric": "MONOCHROME2",
    "rows": 64,
    "transfer_syntax": "1.2.840.10008.1.2",
}


@dataclass
class Bench:
    """One subject, LA-001, hospital ID A1, whose instances a test makes arrive."""

    ws: Workspace
    book: Book

    def enrol(self, *rows: KeyTableRow) -> None:
        import_key_table(self.ws.vault, self.ws.definition(TRIAL), list(rows), actor="test")

    def arrive(
        self,
        number: int,
        *,
        patient_id: str = "A1",
        modality: str = "CT",
        study: int = 1,
        state: InstanceState = InstanceState.STAGED,
        **facts: Any,
    ) -> str:
        one = self.book.announced(patient_id, number, modality=modality, study=study)
        sealed = self.ws.vault.seal("STAGING", json.dumps(FACTS | {"modality": modality} | facts).encode())
        arrival = ledger.Arrival(one, PUSH, sealed)
        if state is InstanceState.STAGED:
            ledger.record_staged(self.ws.vault, arrival, self.book.content(study * 100 + number))
        else:
            with self.ws.vault.session() as session:
                ledger.record_arrival(session, arrival, state, "ultrasound")
        return one.sop_instance

    def define(self, *modalities: str, **changes: Any) -> None:
        """Write the definition anew."""
        source = {"pacs": "main", "modalities": list(modalities or ("CT", "RTSTRUCT", "RTPLAN", "RTDOSE"))}
        write_definition(self.ws.settings.trials, TRIAL, subject_key="LA-[0-9]{3}", **({"source": source} | changes))

    def filter(self) -> Filtered:
        (subject,) = enrolled(self.ws.vault, TRIAL, ["LA-001"])
        return filter_subject(self.ws, self.ws.definition(TRIAL), subject)

    def judgements(self) -> dict[str, str]:
        with self.ws.vault.session(read_only=True) as session:
            rows = session.execute(
                select(Instance.sop_instance, TrialInstance.state).join(
                    TrialInstance, TrialInstance.instance_id == Instance.id
                )
            )
            return dict(rows.all())

    def rules(self) -> set[str]:
        with self.ws.vault.session(read_only=True) as session:
            return set(session.scalars(select(TrialInstance.rule)).all())


@pytest.fixture
def bench(workspace: Workspace) -> Bench:
    return Bench(workspace, Book(workspace.vault))


ROW = KeyTableRow(2, "A1", "LA-001")
