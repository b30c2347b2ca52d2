"""From staged objects to the destination, on each kind of database, with nothing original on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacs2trial.delivery import deliver_subject
from pacs2trial.errors import HeldError
from pacs2trial.review import Word, approve, reviews
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import write
from pacs2trial_demo.identities import LUCZYNSKA, planted_values
from support import leaks
from support.hospital import FIRST_DAY, LUNG, Hospital, small_study


def furnished(ws: Workspace) -> tuple[Hospital, TrialDefinition]:
    site = Hospital(ws)
    definition = site.define(LUNG, review="always", deliver=[{"to": "folder", "path": "outbox"}])
    site.enrol(LUNG, {"LA-001": LUCZYNSKA})
    site.stage(small_study())
    return site, definition


def test_a_subject_is_collected_proven_approved_and_delivered(vault_settings: Settings) -> None:
    workspace = Workspace.open(vault_settings)
    site, definition = furnished(workspace)
    package = site.package(LUNG, "LA-001")
    assert all(proof.passed for proof in site.verify(package))
    with pytest.raises(HeldError):
        deliver_subject(workspace, definition, "LA-001")
    approve(workspace, LUNG, "LA-001", Word("reviewer"))
    assert [item.state for item in reviews(workspace, LUNG)] == ["approved"]
    assert [receipt.new for receipt in deliver_subject(workspace, definition, "LA-001")] == [True]
    assert [receipt.new for receipt in deliver_subject(workspace, definition, "LA-001")] == [False]
    assert not site.package(LUNG, "LA-001").changed
    workspace.vault.close()


def test_nothing_original_is_in_packages_receipts_deliveries_or_logs(
    settings: Settings, tmp_path: Path, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    site, definition = furnished(workspace)
    package = site.package(LUNG, "LA-001")
    site.verify(package)
    approve(workspace, LUNG, "LA-001", Word("reviewer"))
    deliver_subject(workspace, definition, "LA-001")
    originals = tmp_path / "originals"
    for dataset in small_study():
        write(dataset, originals)
    planted = [*planted_values(LUCZYNSKA), LUCZYNSKA.accession_number(FIRST_DAY)]
    uids = leaks.original_uids(originals)
    assert uids
    for folder in (settings.packages, settings.home / "delivered"):
        assert list(folder.rglob("*.zip"))
        assert leaks.search(folder, planted, uids) == []
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "all").write_text(caplog.text, "utf-8")
    assert leaks.search(tmp_path / "log", planted, uids) == []
