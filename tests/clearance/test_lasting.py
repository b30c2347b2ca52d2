"""What was decided about pixels lasts: through a lost disk and a killed process, without another look."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import pytest
from sqlalchemy import select

from pacs2trial.clearance import filter_subject, subject
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.keytable import enrolled
from pacs2trial.restore import restore_subject
from pacs2trial.retrieve.settle import retrieve
from pacs2trial.staging import quarantine
from pacs2trial.vault.tables import InstanceState, PixelDecision
from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.identities import LUCZYNSKA
from pacs2trial_demo.pacs import DemoPacs
from support.hospital import LUNG, SECOND_DAY, Hospital
from support.round_trip import Trial
from support.sites import MODALITIES, TRIAL, add_new

CLEAN = {"profile": {"options": ["clean_descriptors", "retain_modified_dates", "clean_pixel_data"]}}


def nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked(*_: object, **__: object) -> None:
        raise AssertionError("it was looked at again")

    monkeypatch.setattr(subject, "examine", looked)


def test_restore_gives_the_same_bytes_and_nobody_looks_again(
    ran: Trial, demo_pacs: DemoPacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image,) = study(LUCZYNSKA, when=date(2024, 6, 3), parts={"US"}, slices=1, matrix=32)
    add_new(demo_pacs, [image])
    ran.site.define(retrieve="c-get", modalities=[*MODALITIES, "US"], **CLEAN)
    retrieve(ran.ws, TRIAL, subjects=["LA-001"])
    (enrolled_subject,) = enrolled(ran.ws.vault, TRIAL, ["LA-001"])
    done = filter_subject(ran.ws, ran.ws.definition(TRIAL), enrolled_subject)
    assert (dict(done.images), done.held) == ({"wipe": 1}, 0)
    hospital = Hospital(ran.ws)
    hospital.package(TRIAL, "LA-001")
    staged, packages, digests = ran.staged(), ran.packages(), ran.digests()
    nobody_looks(monkeypatch)
    ran.lose()
    for key in ("LA-001", "LA-002"):
        assert restore_subject(ran.ws, TRIAL, key, actor="test").complete
    assert (ran.staged(), ran.packages(), ran.digests()) == (staged, packages, digests)
    assert not any(ran.ws.settings.quarantine.iterdir())


DIES = """
import os, sys
from pathlib import Path
from pacs2trial.clearance import filter_subject, subject
from pacs2trial.keytable import enrolled
from pacs2trial.settings import Settings
from pacs2trial.workspace import Workspace

ws = Workspace.open(Settings(home=Path(sys.argv[1]), trials=Path(sys.argv[2]), database_url=sys.argv[3]))
subject.stage_part10 = lambda *_, **__: os.kill(os.getpid(), 9)
(found,) = enrolled(ws.vault, "LUNGART", ["LA-001"])
filter_subject(ws, ws.definition("LUNGART"), found)
"""


def test_a_filter_that_was_killed_goes_on_from_what_it_had_decided(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image,) = study(LUCZYNSKA, when=SECOND_DAY, parts={"US"}, slices=1, matrix=32)
    assert stage_part10(hospital.ws, part10(image), source="file").outcome is InstanceState.QUARANTINED
    hospital.define(LUNG, source={"pacs": "main", "modalities": [*MODALITIES, "US"]}, **CLEAN)
    settings = hospital.ws.settings
    command = [sys.executable, "-c", DIES, str(settings.home), str(settings.trials), settings.database_url]
    assert subprocess.run(command, check=False, capture_output=True, timeout=120).returncode == -9
    assert len(quarantine.items(hospital.ws)) == 1, "nothing is lost"
    with hospital.ws.vault.session(read_only=True) as session:
        assert session.scalars(select(PixelDecision.outcome)).all() == ["wipe"]
    nobody_looks(monkeypatch)
    done = filter_subject(hospital.ws, hospital.ws.definition(LUNG), hospital.subject(LUNG, "LA-001"))
    assert (dict(done.images), done.looked, done.held) == ({"wipe": 1}, 0, 0)
    assert not any(settings.quarantine.iterdir())
