"""What may go, what must stay, and that everything that went comes back."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pacs2trial.cleanup import Cleaned, Expiry, clean_subject, cleanable_subjects
from pacs2trial.delivery import deliver_subject
from pacs2trial.errors import BalanceError, InputError, PermanentError, TransientError
from pacs2trial.intake import stage_paths
from pacs2trial.restore import restore_subject
from pacs2trial.retrieve.settle import retrieve
from pacs2trial.vault.tables import AuditEntry, Base, StagedVersion
from pacs2trial_demo.generate import study, write
from pacs2trial_demo.identities import LUCZYNSKA
from pacs2trial_demo.pacs import DemoPacs
from support.hospital import PELVIS, SECOND_DAY, Hospital
from support.round_trip import SUBJECTS, Trial
from support.sites import TRIAL, add_new, objects_of, wanted

DAY = 86_400


def clean(ran: Trial, key: str = "LA-001", trial: str = TRIAL, **how: object) -> Cleaned:
    return clean_subject(ran.ws, ran.ws.definition(trial), key, actor="test", **how)  # type: ignore[arg-type]


def clean_all(ran: Trial, **how: object) -> list[Cleaned]:
    return [clean(ran, key, **how) for key in cleanable_subjects(ran.ws, TRIAL)]


def rows(ran: Trial) -> dict[str, int]:
    """How many rows each table of the vault has."""
    with ran.ws.vault.session(read_only=True) as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
            if name not in {"audit", "disclosure", "lock"}
        }


def acts(ran: Trial) -> list[AuditEntry]:
    with ran.ws.vault.session(read_only=True) as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.act == "cleanup")))


def second_trial(ran: Trial, **changes: object) -> Hospital:
    """PELVIC has LUCZYNSKA as PV-007, collected."""
    hospital = Hospital(ran.ws)
    hospital.define(PELVIS, **changes)
    hospital.enrol(PELVIS, {"PV-007": LUCZYNSKA})
    return hospital


def age(folder: Path, days: float) -> None:
    for path in folder.rglob("*.*"):
        if path.is_file():
            os.utime(path, (time.time() - days * DAY,) * 2)


def test_files_go_and_no_row_of_the_vault(ran: Trial) -> None:
    before = rows(ran)
    sizes = sum(map(len, [*ran.staged().values(), *ran.packages().values()]))
    assert sum(one.size for one in clean_all(ran)) == sizes
    assert ran.staged() == ran.packages() == {}
    for folder in (ran.ws.settings.staging, ran.ws.settings.packages):
        assert list(folder.iterdir()) == [], "neither receipts nor empty folders stay"
    assert rows(ran) == before


def test_what_went_comes_back_with_the_same_bytes(ran: Trial) -> None:
    staged, packages = ran.staged(), ran.packages()
    clean_all(ran)
    for key in SUBJECTS:
        assert restore_subject(ran.ws, TRIAL, key, actor="test").complete
    assert (ran.staged(), ran.packages()) == (staged, packages)
    assert sum(len(one.staged) for one in clean_all(ran)) == len(staged), "and can be cleaned up again"


def test_a_dry_run_tells_the_same_and_removes_nothing(ran: Trial) -> None:
    staged, packages, before = ran.staged(), ran.packages(), rows(ran)
    told = clean_all(ran, dry_run=True)
    assert (ran.staged(), ran.packages(), rows(ran), acts(ran)) == (staged, packages, before, [])
    assert told == clean_all(ran)


def test_another_subject_s_files_stay(ran: Trial) -> None:
    staged = ran.staged()
    gone = {one.path for one in clean(ran).staged}
    assert ran.staged() == {path: content for path, content in staged.items() if path not in gone}
    assert [path.rsplit("/", 1)[1] for path in ran.packages()] == ["LA-002.zip"]


def test_what_another_trial_has_collected_stays(ran: Trial) -> None:
    second_trial(ran).collect(PELVIS, "PV-007")
    staged = ran.staged()
    cleaned = clean(ran)
    assert (len(cleaned.staged), len(cleaned.packages)) == (0, 1)
    assert cleaned.kept_for_others == len(wanted_files(ran))
    assert ran.staged() == staged


def wanted_files(ran: Trial) -> set[str]:
    """Staged files of LA-001: those that the other subject does not have."""
    others = {one.path for one in clean(ran, "LA-002", dry_run=True).staged}
    return ran.staged().keys() - others


def test_what_another_trial_has_still_to_judge_stays(ran: Trial) -> None:
    second_trial(ran)
    assert clean(ran).staged == []


def test_what_another_trial_does_not_want_goes(ran: Trial, demo_pacs: DemoPacs) -> None:
    slices = [one for one in objects_of(demo_pacs, LUCZYNSKA.patient_id) if one.header.Modality == "CT"]
    second_trial(ran, source={"pacs": "main", "modalities": ["CT"]})
    clean(ran)
    assert len(wanted_files(ran)) == len(slices)


def test_a_trial_whose_definition_is_lost_keeps_what_it_may_need(ran: Trial) -> None:
    second_trial(ran, source={"pacs": "main", "modalities": ["MR"]})
    (ran.ws.settings.trials / f"{PELVIS.lower()}.yaml").write_text("trial: [", "utf-8")
    assert clean(ran).staged == []


def test_once_both_trials_are_cleaned_up_nothing_stays_of_the_patient(ran: Trial) -> None:
    second_trial(ran).collect(PELVIS, "PV-007")
    clean(ran)
    clean(ran, "PV-007", PELVIS)
    clean(ran, "LA-002")
    assert ran.staged() == ran.packages() == {}


def test_only_what_the_pacs_shows_now_goes(ran: Trial, demo_pacs: DemoPacs) -> None:
    gone = next(one for one in objects_of(demo_pacs, LUCZYNSKA.patient_id) if one.header.Modality == "RTSTRUCT")
    demo_pacs.index.remove(gone.uid("IMAGE"))
    cleaned = clean(ran)
    assert len(cleaned.staged) == len(wanted(demo_pacs, LUCZYNSKA.patient_id))
    assert len(cleaned.stuck) == 1
    assert [path for path in ran.staged() if path == cleaned.stuck[0].path], "the one that is left"
    assert len(cleaned.packages) == 1, "of what it is made, all is in the PACS or stays in staging"


def test_what_cannot_be_restored_goes_with_a_reason_that_is_audited(ran: Trial, demo_pacs: DemoPacs) -> None:
    for one in objects_of(demo_pacs, LUCZYNSKA.patient_id):
        demo_pacs.index.remove(one.uid("IMAGE"))
    assert not clean(ran).staged
    with pytest.raises(InputError, match="needs a reason"):
        clean(ran, unrestorable=True)
    cleaned = clean(ran, unrestorable=True, reason="the trial has ended")
    assert cleaned.staged
    assert all(one.unrestorable for one in cleaned.staged)
    entry = acts(ran)[-1]
    assert (entry.reason, entry.detail["unrestorable"] > 0) == ("the trial has ended", True)


def test_a_pushed_object_goes_only_if_the_pacs_has_it_too(ran: Trial, demo_pacs: DemoPacs, tmp_path: Path) -> None:
    pushed = study(LUCZYNSKA, when=SECOND_DAY, parts={"CT"}, slices=2, matrix=32)
    paths = [write(dataset, tmp_path / "pushed") for dataset in pushed]
    stage_paths(ran.ws, paths, source="push:SCANNER")
    assert len(clean(ran, dry_run=True).stuck) == len(pushed)
    add_new(demo_pacs, pushed)
    assert clean(ran).stuck == []


def test_nothing_goes_while_the_pacs_is_away(ran: Trial, demo_pacs: DemoPacs) -> None:
    staged, before = ran.staged(), rows(ran)
    demo_pacs.stop()
    with pytest.raises(TransientError):
        clean(ran)
    assert (ran.staged(), rows(ran), acts(ran)) == (staged, before, [])


def test_retention_removes_what_is_old_enough(ran: Trial) -> None:
    packages = ran.packages()
    age(ran.ws.settings.staging, 91)
    age(ran.ws.settings.packages, 91)
    assert clean(ran, expiry=Expiry(staged_days=None, packages_days=None)).size == 0
    assert clean(ran, expiry=Expiry(staged_days=92, packages_days=92)).size == 0
    cleaned = clean(ran, expiry=Expiry(staged_days=90, packages_days=None))
    assert cleaned.staged
    assert not cleaned.packages
    assert ran.packages() == packages


def test_two_trials_with_retention_do_not_keep_each_other_s_files_for_ever(ran: Trial) -> None:
    second_trial(ran).collect(PELVIS, "PV-007")
    age(ran.ws.settings.staging, 91)
    expiry = Expiry(staged_days=90, packages_days=None)
    assert clean(ran, expiry=expiry).staged == []
    assert clean(ran, "PV-007", PELVIS, expiry=expiry).staged


def test_what_was_restored_is_young_again(ran: Trial) -> None:
    age(ran.ws.settings.staging, 91)
    expiry = Expiry(staged_days=90, packages_days=None)
    clean(ran, expiry=expiry)
    restore_subject(ran.ws, TRIAL, "LA-001", actor="test")
    assert clean(ran, expiry=expiry).staged == []


def test_a_run_after_cleanup_fetches_and_makes_nothing(ran: Trial, demo_pacs: DemoPacs) -> None:
    clean_all(ran)
    demo_pacs.requests.clear()
    retrieve(ran.ws, TRIAL)
    assert {one.service for one in demo_pacs.requests} == {"C-FIND"}
    assert Hospital(ran.ws).collect(TRIAL, "LA-001") == []
    assert ran.staged() == ran.packages() == {}


def test_packages_go_on_standing_while_only_staged_data_are_gone(ran: Trial) -> None:
    packages = ran.packages()
    clean(ran, expiry=Expiry(staged_days=0, packages_days=None))
    hospital = Hospital(ran.ws)
    (package,) = hospital.collect(TRIAL, "LA-001")
    assert not package.changed
    (proof,) = hospital.verify(package)
    assert "cleaned up" in proof.findings[0]
    assert ran.packages() == packages


def test_a_package_that_was_tampered_with_after_cleanup_is_refused(ran: Trial) -> None:
    clean(ran, expiry=Expiry(staged_days=0, packages_days=None))
    hospital = Hospital(ran.ws)
    (package,) = hospital.collect(TRIAL, "LA-001")
    package.path.write_bytes(package.path.read_bytes() + b"\0")
    with pytest.raises(PermanentError, match="refused"):
        hospital.verify(package)


def test_new_data_after_cleanup_ask_for_restore_first(ran: Trial, demo_pacs: DemoPacs) -> None:
    clean(ran)
    add_new(demo_pacs, study(LUCZYNSKA, when=SECOND_DAY, parts={"CT"}, slices=2, matrix=32))
    retrieve(ran.ws, TRIAL, subjects=["LA-001"])
    hospital = Hospital(ran.ws)
    with pytest.raises(BalanceError, match="run pacs2trial restore LUNGART --subject LA-001"):
        hospital.collect(TRIAL, "LA-001")
    restore_subject(ran.ws, TRIAL, "LA-001", actor="test")
    assert hospital.package(TRIAL, "LA-001").changed


def test_a_package_that_is_not_there_is_not_delivered(ran: Trial) -> None:
    ran.site.define(retrieve="c-get", deliver=[{"to": "folder"}])
    clean(ran)
    with pytest.raises(PermanentError, match="run pacs2trial restore"):
        deliver_subject(ran.ws, ran.ws.definition(TRIAL), "LA-001")


def test_an_object_that_comes_again_is_there_again(ran: Trial, demo_pacs: DemoPacs) -> None:
    staged = ran.staged()
    clean_all(ran)
    report = stage_paths(ran.ws, [one.path for one in demo_pacs.index.instances()])
    assert report.files > len(staged)
    assert staged.items() <= ran.staged().items()
    with ran.ws.vault.session(read_only=True) as session:
        assert not session.scalars(select(StagedVersion).where(StagedVersion.removed_at.is_not(None))).all()


def test_a_crash_between_mark_and_removal_is_made_good_by_the_next(ran: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("pacs2trial.cleanup.subject.unlink", lambda *_: None)
        clean_all(ran)
    assert ran.staged()
    clean_all(ran)
    assert ran.staged() == ran.packages() == {}
