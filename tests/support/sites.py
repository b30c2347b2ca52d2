"""A whole site for tests of the pull: a trial, its key table, a PACS, a running receiver."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pydicom.dataset import FileDataset
from sqlalchemy import select

from pacs2trial.keytable import import_key_table, read_key_table
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import Original
from pacs2trial.vault.tables import Instance, InstanceState, Kind
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import write
from pacs2trial_demo.pacs import DemoPacs
from pacs2trial_demo.pacs.index import Instance as Held
from support.vaults import write_definition

TRIAL = "LUNGART"
SUBJECT_KEY = "LA-[0-9]{3}"
MODALITIES = ("CT", "RTSTRUCT", "RTPLAN", "RTDOSE")
DAY = date(2024, 3, 13)
"""Study date of everything in the demo PACS of the tests."""

SHORT_TIMES = {
    "connect_timeout": 5,
    "response_timeout": 10,
    "transfer_timeout": 30,
    "settle_quiet": 0.3,
    "retry_wait": 0.5,
}
"""Of a connection's extra: a test should not wait for what will not come."""


@dataclass
class Site:
    """The trial LUNGART of a workspace, pulling from the connection ``main``."""

    ws: Workspace
    extra: dict[str, Any] = field(default_factory=lambda: dict(SHORT_TIMES))

    def connect(self, aet: str, port: int, **extra: Any) -> None:
        """Write the connection ``main`` to the site's file."""
        fields = {"conn_type": "dicom", "host": "127.0.0.1", "port": port, "extra": self.extra | {"aet": aet} | extra}
        path = self.ws.settings.connections_path
        path.write_text(json.dumps({"main": fields}))
        path.chmod(0o600)

    def define(self, *, retrieve: str = "c-move", modalities: Sequence[str] = MODALITIES, **changes: Any) -> None:
        self.define_source({"pacs": "main", "modalities": list(modalities), "retrieve": retrieve}, **changes)

    def define_source(self, source: Mapping[str, Any], **changes: Any) -> None:
        """Write the definition with this ``source``."""
        write_definition(self.ws.settings.trials, TRIAL, subject_key=SUBJECT_KEY, source=source, **changes)

    def enrol(self, *rows: Mapping[str, str]) -> None:
        """Import a key table of these rows, which share their columns."""
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
        path = self.ws.settings.keys / f"{TRIAL.lower()}.csv"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        import_key_table(self.ws.vault, self.ws.definition(TRIAL), read_key_table(path), actor="test")

    def staging_uids(self, originals: Iterable[str]) -> set[str]:
        """The staging pseudonyms of original UIDs, as the vault knows them."""
        wanted = {Original(Kind.UID, uid) for uid in originals}
        return set(self.ws.vault.pseudonyms(STAGING).resolve(wanted).values())

    def ledger(self) -> dict[str, InstanceState]:
        """State by staging SOP Instance UID."""
        with self.ws.vault.session(read_only=True) as session:
            rows = session.execute(select(Instance.sop_instance, Instance.state))
            return {sop_instance: InstanceState(state) for sop_instance, state in rows}

    def in_state(self, state: InstanceState) -> set[str]:
        return {sop_instance for sop_instance, found in self.ledger().items() if found is state}

    def staged_files(self) -> set[Path]:
        return set(self.ws.settings.staging.rglob("*.dcm"))


def objects_of(pacs: DemoPacs, patient_id: str) -> list[Held]:
    """What the demo PACS holds of one patient."""
    return [one for one in pacs.index.instances() if one.uid("PATIENT") == patient_id]


def add_new(pacs: DemoPacs, objects: Iterable[FileDataset]) -> set[str]:
    """Put those objects into the demo PACS that it does not hold yet; their SOP Instance UIDs."""
    held = {one.uid("IMAGE") for one in pacs.index.instances()}
    new = [ds for ds in objects if ds.SOPInstanceUID not in held]
    for ds in new:
        pacs.index.add(write(ds, pacs.folder / "added"))
    return {str(ds.SOPInstanceUID) for ds in new}


def wanted(pacs: DemoPacs, *patient_ids: str) -> set[str]:
    """Original SOP Instance UIDs that the trial wants of these patients, or of all."""
    return {
        one.uid("IMAGE")
        for one in pacs.index.instances()
        if one.header.Modality in MODALITIES and (not patient_ids or one.uid("PATIENT") in patient_ids)
    }
