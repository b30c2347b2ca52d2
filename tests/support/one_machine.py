"""What one machine makes of the objects of a cluster, by the library alone, and the site that the cluster works on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pacs2trial.collect import collect_subject
from pacs2trial.filtering.filter import filter_subject
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.keytable import enrolled
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.vault.backup import back_up, restore_backup
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import RT_PARTS, study, write
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER, VANDENBROUCKX, YAMASHIROGI, Identity
from support import deferring
from support.airflow_env import ROOT
from support.demo_site import ENROLLED, enrol
from support.programs import free_port
from support.vaults import PostgresServer

LUNG = "DEMO-LUNG"
STUDIES = {LUCZYNSKA: (date(2024, 3, 13), date(2024, 3, 14)), OXENBARGER: (date(2024, 3, 13),)}
"""What the PACS holds of the trial at first."""
REKEYED = {"DL-004": LUCZYNSKA, "DL-002": OXENBARGER, "DL-003": VANDENBROUCKX}
"""The corrected key table: who was DL-001 is DL-004."""


def write_archive(folder: Path) -> None:
    """The files of the PACS: those of :data:`STUDIES`, and two slices for a trial whose PACS has hours."""
    for identity, days in STUDIES.items():
        for when in days:
            for ds in study(identity, when=when, parts=RT_PARTS, slices=12, matrix=32):
                write(ds, folder / str(identity.number) / str(when))
    for ds in study(YAMASHIROGI, when=date(2024, 5, 2), parts={"CT"}, slices=2, matrix=32):
        write(ds, folder / str(YAMASHIROGI.number))


def two_sites(folder: Path, server: PostgresServer) -> tuple[Settings, tuple[set[str], set[str]]]:
    """A site on PostgreSQL, and what another one with the same vault makes of the same objects on SQLite."""
    trials = folder / "trials"
    trials.mkdir()
    shutil.copy(ROOT / "include" / "trials" / "demo_lung.yaml", trials)
    alone = Settings(home=folder / "alone", trials=trials, receiver_port=0)
    deferring.define(alone)
    Vault.create(alone)
    ws = Workspace.open(alone)
    enrol(ws, LUNG, ENROLLED[LUNG])
    enrol(ws, deferring.TRIAL, {"DH-001": YAMASHIROGI})
    shutil.copytree(alone.home, folder / "shared", ignore=shutil.ignore_patterns("vault.db*"))
    (folder / "cluster").mkdir()
    shared = Settings(
        home=folder / "shared",
        trials=trials,
        receiver_port=free_port(),
        database_url=server.new_database(),
        batch_subjects=1,
    )
    back_up(alone, folder / "vault.backup")
    restore_backup(shared, folder / "vault.backup", actor="test")
    for path in sorted((folder / "archive").rglob("*.dcm")):
        stage_part10(ws, path.read_bytes(), source="file")
    first = _made_alone(ws, ENROLLED[LUNG])
    enrol(ws, LUNG, REKEYED)
    second = _made_alone(ws, REKEYED)
    ws.vault.close()
    return shared, (first, second)


def _made_alone(ws: Workspace, subjects: Mapping[str, Identity]) -> set[str]:
    definition = ws.definition(LUNG)
    made = []
    for subject in enrolled(ws.vault, LUNG, [key for key, who in subjects.items() if who in STUDIES]):
        filter_subject(ws, definition, subject)
        made += collect_subject(ws, definition, subject)
    return {one.content_digest for one in made}
