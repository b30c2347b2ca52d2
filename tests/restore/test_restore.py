"""Vault, secret and PACS give everything back, with the digests recorded before; what is different is listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from sqlalchemy import select

from pacs2trial.errors import InputError
from pacs2trial.restore import Restored, restorable_subjects, restore_subject
from pacs2trial.restore.fetching import NOT_IN_PACS, NOT_SENT, OTHER_CONTENT
from pacs2trial.restore.packages import DRAFTS, Outcome
from pacs2trial.vault.tables import AuditEntry, KeyVersion, Run, StagedVersion
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from pacs2trial_demo.pacs import DemoPacs
from support.hospital import Hospital
from support.peers import Orthanc
from support.round_trip import SUBJECTS, Trial
from support.sites import TRIAL, objects_of, wanted


def restored(ran: Trial, key: str = "LA-001") -> Restored:
    return restore_subject(ran.ws, TRIAL, key, actor="test")


def all_complete(ran: Trial) -> bool:
    """Restore every subject; whether each is as it was."""
    done = [restored(ran, key) for key in SUBJECTS]
    return all(one.complete for one in done)


def outcomes(done: Restored) -> list[str]:
    return [one.outcome for one in done.packages]


def only_reason(done: Restored) -> str:
    (reason,) = done.listed
    return reason


def test_everything_comes_back_with_the_bytes_it_had(ran: Trial) -> None:
    staged, packages, digests = ran.staged(), ran.packages(), ran.digests()
    ran.lose()
    for key in SUBJECTS:
        done = restored(ran, key)
        assert done.complete, done.problems()
        assert outcomes(done) == [Outcome.RESTORED]
    assert ran.staged() == staged
    assert ran.packages() == packages
    assert ran.digests() == digests


def test_by_c_move_too(ran: Trial, demo_pacs: DemoPacs, receiving: int) -> None:
    demo_pacs.destinations[ran.ws.settings.receiver_aet] = ("127.0.0.1", receiving)
    ran.site.define(retrieve="c-move")
    staged, packages = ran.staged(), ran.packages()
    ran.lose()
    assert all_complete(ran)
    assert (ran.staged(), ran.packages()) == (staged, packages)


@pytest.mark.parametrize("way", ["c-move", "c-get"])
def test_from_orthanc_with_the_digests_recorded_before(
    ran: Trial, demo_pacs: DemoPacs, orthanc: Orthanc, receiving: int, way: str
) -> None:
    orthanc.store(Path(demo_pacs.folder))
    orthanc.add_modality("ours", ran.ws.settings.receiver_aet, receiving)
    ran.site.connect(orthanc.aet, orthanc.dicom_port)
    ran.site.define(retrieve=way)
    staged, packages, digests = ran.staged(), ran.packages(), ran.digests()
    ran.lose()
    assert all_complete(ran)
    assert (ran.staged(), ran.packages(), ran.digests()) == (staged, packages, digests)


def test_what_is_there_is_neither_fetched_nor_written(ran: Trial, demo_pacs: DemoPacs) -> None:
    wanted_here = len(wanted(demo_pacs, LUCZYNSKA.patient_id))
    before = {path: path.stat().st_mtime_ns for path in ran.ws.settings.home.rglob("*.[dz][ci][mp]")}
    demo_pacs.requests.clear()
    done = restored(ran)
    assert outcomes(done) == [Outcome.INTACT]
    assert (done.restored, done.intact) == (0, wanted_here)
    assert demo_pacs.requests == []
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_only_what_is_lost_is_asked_for(ran: Trial, demo_pacs: DemoPacs) -> None:
    staged = ran.staged()
    one, *_ = sorted(ran.ws.settings.staging.rglob("*.dcm"))
    one.unlink()
    assert sorted(restored(ran, key).restored for key in SUBJECTS) == [0, 1]
    assert ran.staged() == staged


def test_a_damaged_staged_file_is_fetched_anew(ran: Trial) -> None:
    staged = ran.staged()
    one, *_ = sorted(ran.ws.settings.staging.rglob("*.dcm"))
    content = bytearray(one.read_bytes())
    content[-1] ^= 1
    one.write_bytes(content)
    assert sorted(restored(ran, key).restored for key in SUBJECTS) == [0, 1]
    assert ran.staged() == staged


def test_what_the_pacs_lacks_is_listed_and_the_others_come(ran: Trial, demo_pacs: DemoPacs) -> None:
    packages = ran.packages()
    ran.lose()
    gone = next(one for one in objects_of(demo_pacs, LUCZYNSKA.patient_id) if one.header.Modality == "RTSTRUCT")
    demo_pacs.index.remove(gone.uid("IMAGE"))
    done = restored(ran)
    assert dict(done.listed) == {NOT_IN_PACS: 1}
    assert outcomes(done) == [Outcome.LISTED]
    assert restored(ran, "LA-002").complete
    assert set(ran.packages().items()) < set(packages.items()), "a package is not made of less than before"


def test_what_the_pacs_holds_differently_is_listed_and_replaces_nothing(ran: Trial, demo_pacs: DemoPacs) -> None:
    staged, digests = ran.staged(), ran.digests()
    ran.lose()
    other = next(one for one in objects_of(demo_pacs, LUCZYNSKA.patient_id) if one.header.Modality == "RTSTRUCT")
    changed = dcmread(other.path)
    changed.StructureSetLabel = "REPLAN"
    changed.save_as(other.path)
    done = restored(ran)
    assert dict(done.listed) == {OTHER_CONTENT: 1}
    assert outcomes(done) == [Outcome.LISTED]
    assert ran.packages() == {}
    assert ran.digests() == digests
    came = ran.staged()
    assert len(came.keys() - staged.keys()) == 1, "the other content stands beside, under another name"
    assert all(came[path] == staged[path] for path in came.keys() & staged.keys())
    with ran.ws.vault.session(read_only=True) as session:
        current = session.scalars(select(StagedVersion.path).where(StagedVersion.current)).all()
    assert set(current) == set(staged), "what was current stays so"


def test_what_the_pacs_shows_and_does_not_send_is_listed(ran: Trial, demo_pacs: DemoPacs) -> None:
    ran.lose()
    held_back = objects_of(demo_pacs, LUCZYNSKA.patient_id)[0].uid("IMAGE")
    demo_pacs.faults.dropped.add(held_back)
    assert only_reason(restored(ran)) == NOT_SENT
    demo_pacs.faults.dropped.clear()
    assert restored(ran).complete, "restoring again goes on from there"


def test_the_pinned_definition_decides_not_today_s(ran: Trial) -> None:
    packages = ran.packages()
    ran.lose()
    ran.site.define(retrieve="c-get", sponsor="Another sponsor", profile={"options": ["retain_full_dates"]})
    assert all_complete(ran)
    assert ran.packages() == packages


def test_a_lost_definition_file_is_taken_from_the_vault(ran: Trial) -> None:
    packages = ran.packages()
    ran.lose()
    with ran.ws.vault.session(read_only=True) as session:
        assert session.scalars(select(Run.trial)).all() == [TRIAL]
    (ran.ws.settings.trials / f"{TRIAL.lower()}.yaml").unlink()
    assert all_complete(ran)
    assert ran.packages() == packages


def test_what_swapped_keys_superseded_is_not_restored(ran: Trial) -> None:
    ran.site.enrol(
        {"patient_id": OXENBARGER.patient_id, "subject_key": "LA-001"},
        {"patient_id": LUCZYNSKA.patient_id, "subject_key": "LA-002"},
    )
    ran.lose()
    for key in SUBJECTS:
        assert outcomes(restored(ran, key)) == []
    assert not list(ran.ws.settings.packages.rglob("*.zip")), "each held another patient than its key now means"


def test_a_package_in_force_is_restored_from_the_key_row_of_its_time(ran: Trial) -> None:
    packages = ran.packages()
    ran.site.enrol(
        {"patient_id": LUCZYNSKA.patient_id, "subject_key": "LA-001", "arm": "b"},
        {"patient_id": OXENBARGER.patient_id, "subject_key": "LA-002", "arm": "b"},
    )
    with ran.ws.vault.session(read_only=True) as session:
        assert len(session.scalars(select(KeyVersion.id)).all()) == 2
    ran.lose()
    for key in SUBJECTS:
        assert outcomes(restored(ran, key)) == [Outcome.RESTORED]
    assert ran.packages() == packages, "the packages in force are those made before the correction"


def test_a_restored_package_is_proven_still_and_can_be_proven_again(ran: Trial) -> None:
    ran.lose()
    restored(ran)
    receipts = list(ran.ws.settings.packages.rglob("*.receipt.json"))
    assert len(receipts) == 1
    hospital = Hospital(ran.ws)
    (package,) = hospital.collect(TRIAL, "LA-001")
    assert not package.changed
    assert all(one.passed for one in hospital.verify(package))


def test_no_draft_stays_behind(ran: Trial) -> None:
    ran.lose()
    restored(ran)
    assert not list(ran.ws.settings.packages.rglob(DRAFTS))
    assert not list(ran.ws.settings.home.rglob("*.part"))


def test_restore_is_audited_with_counts(ran: Trial, demo_pacs: DemoPacs) -> None:
    number = len(wanted(demo_pacs, LUCZYNSKA.patient_id))
    ran.lose()
    restored(ran)
    with ran.ws.vault.session(read_only=True) as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "restore"))
    assert (entry.trial, entry.target, entry.actor) == (TRIAL, "LA-001", "test")
    assert entry.detail == {"contents": number, "listed": {}, "packages": {"restored": 1}}


def test_an_unknown_subject_is_refused(ran: Trial) -> None:
    with pytest.raises(InputError, match="'LA-999'"):
        restorable_subjects(ran.ws, TRIAL, ["LA-999"])
