"""Delivery to a folder: whole files, once, nothing of others touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from pacs2trial.delivery import deliver_subject, kinds
from pacs2trial.errors import (
    BalanceError,
    HeldError,
    InputError,
    PermanentError,
    ProofError,
    TransientError,
)
from pacs2trial.staging.ledger import Announced, expect
from pacs2trial.vault.tables import AuditEntry, Delivery, Instance, PackageRow, PackageState
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study

FOLDER = {"to": "folder", "path": "outbox"}


@pytest.fixture
def outbox(hospital: Hospital) -> Path:
    """Where the trial's definition sends packages."""
    hospital.define(LUNG, deliver=[FOLDER])
    return hospital.ws.settings.home / "delivered" / "outbox"


def deliver(hospital: Hospital) -> list:
    return deliver_subject(hospital.ws, hospital.ws.definition(LUNG), "LA-001")


def make(hospital: Hospital):
    package = hospital.package(LUNG, "LA-001")
    hospital.verify(package)
    return package


def deliveries(hospital: Hospital) -> list[Delivery]:
    with hospital.ws.vault.session(read_only=True) as session:
        return list(session.scalars(select(Delivery)))


def test_package_arrives_whole_under_its_name(hospital: Hospital, outbox: Path) -> None:
    package = make(hospital)
    (receipt,) = deliver(hospital)
    assert [found.name for found in outbox.iterdir()] == ["LA-001.zip"]
    assert (outbox / "LA-001.zip").read_bytes() == package.path.read_bytes()
    assert (receipt.destination, receipt.path, receipt.new) == (
        "folder:outbox",
        str(outbox / "LA-001.zip"),
        True,
    )
    assert (receipt.size, receipt.sha256) == (package.size, package.sha256)


def test_a_content_is_delivered_once(hospital: Hospital, outbox: Path) -> None:
    make(hospital)
    deliver(hospital)
    before = (outbox / "LA-001.zip").stat()
    (again,) = deliver(hospital)
    after = (outbox / "LA-001.zip").stat()
    assert not again.new
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(deliveries(hospital)) == 1


def test_a_content_that_was_fetched_away_is_not_delivered_again(hospital: Hospital, outbox: Path) -> None:
    make(hospital)
    deliver(hospital)
    (outbox / "LA-001.zip").unlink()
    (again,) = deliver(hospital)
    assert not again.new
    assert list(outbox.iterdir()) == []


def test_a_content_that_was_lost_there_is_delivered_again_when_somebody_asks(hospital: Hospital, outbox: Path) -> None:
    package = make(hospital)
    deliver(hospital)
    (outbox / "LA-001.zip").unlink()
    definition = hospital.ws.definition(LUNG)
    (again,) = deliver_subject(hospital.ws, definition, "LA-001", again=True)
    assert again.new
    assert (outbox / "LA-001.zip").read_bytes() == package.path.read_bytes()
    assert len(deliveries(hospital)) == 1
    with hospital.ws.vault.session(read_only=True) as session:
        assert len(session.scalars(select(AuditEntry).where(AuditEntry.act == "deliver")).all()) == 2


def test_new_data_replace_the_earlier_version(hospital: Hospital, outbox: Path) -> None:
    make(hospital)
    deliver(hospital)
    hospital.stage(small_study(when=SECOND_DAY))
    second = make(hospital)
    (receipt,) = deliver(hospital)
    assert receipt.new
    assert (outbox / "LA-001.zip").read_bytes() == second.path.read_bytes()
    assert len(deliveries(hospital)) == 2


def test_each_destination_is_served_once(hospital: Hospital) -> None:
    hospital.define(LUNG, deliver=[FOLDER, {"to": "folder", "path": "second"}])
    make(hospital)
    assert [(each.destination, each.new) for each in deliver(hospital)] == [
        ("folder:outbox", True),
        ("folder:second", True),
    ]
    assert [each.new for each in deliver(hospital)] == [False, False]


def test_a_delivery_that_was_cut_off_after_the_copy_is_only_recorded(hospital: Hospital, outbox: Path) -> None:
    package = make(hospital)
    outbox.mkdir(parents=True)
    (outbox / "LA-001.zip").write_bytes(package.path.read_bytes())
    inode = (outbox / "LA-001.zip").stat().st_ino
    (receipt,) = deliver(hospital)
    assert receipt.new
    assert (outbox / "LA-001.zip").stat().st_ino == inode


def test_a_delivery_that_was_cut_off_in_the_middle_is_completed(hospital: Hospital, outbox: Path) -> None:
    package = make(hospital)
    outbox.mkdir(parents=True)
    (outbox / ".LA-001.zip.part").write_bytes(package.path.read_bytes()[:100])
    deliver(hospital)
    assert [found.name for found in outbox.iterdir()] == ["LA-001.zip"]
    assert (outbox / "LA-001.zip").read_bytes() == package.path.read_bytes()


def test_a_foreign_file_of_the_same_name_stays(hospital: Hospital, outbox: Path) -> None:
    make(hospital)
    outbox.mkdir(parents=True)
    (outbox / "LA-001.zip").write_bytes(b"of somebody else")
    with pytest.raises(PermanentError, match="did not deliver"):
        deliver(hospital)
    assert (outbox / "LA-001.zip").read_bytes() == b"of somebody else"
    assert deliveries(hospital) == []


def test_a_folder_that_cannot_be_written_is_tried_again_later(
    hospital: Hospital, outbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "WAITS", (0.0, 0.0))
    make(hospital)
    outbox.parent.mkdir(parents=True)
    outbox.write_bytes(b"a file where the folder should be")
    with pytest.raises(TransientError):
        deliver(hospital)
    outbox.unlink()
    assert deliver(hospital)[0].new


def test_an_absolute_path_is_taken_as_it_is(hospital: Hospital, tmp_path: Path) -> None:
    hospital.define(LUNG, deliver=[{"to": "folder", "path": str(tmp_path / "share")}])
    make(hospital)
    deliver(hospital)
    assert (tmp_path / "share" / "LA-001.zip").is_file()


def test_a_path_out_of_the_folder_of_deliveries_is_refused(hospital: Hospital) -> None:
    with pytest.raises(InputError, match=r"deliver\[0\]: path must not contain '\.\.'"):
        hospital.define(LUNG, deliver=[{"to": "folder", "path": "../../elsewhere"}])


def test_an_unverified_package_is_not_delivered(hospital: Hospital, outbox: Path) -> None:
    hospital.package(LUNG, "LA-001")
    with pytest.raises(PermanentError, match="not verified yet"):
        deliver(hospital)
    assert not outbox.exists()


def test_a_refused_package_is_not_delivered(hospital: Hospital, outbox: Path) -> None:
    package = make(hospital)
    with hospital.ws.vault.session() as session:
        session.get_one(PackageRow, package.package_id).state = PackageState.REFUSED
    with pytest.raises(ProofError, match="refused by its proofs"):
        deliver(hospital)
    assert not outbox.exists()


def test_a_package_that_was_changed_after_its_proofs_is_not_delivered(hospital: Hospital, outbox: Path) -> None:
    package = make(hospital)
    package.path.write_bytes(package.path.read_bytes() + b"\0")
    with pytest.raises(PermanentError, match="not the file that was verified"):
        deliver(hospital)
    assert list(outbox.iterdir()) == []


def test_a_subject_with_instances_still_to_come_is_not_delivered(hospital: Hospital, outbox: Path) -> None:
    make(hospital)
    with hospital.ws.vault.session(read_only=True) as session:
        row = session.scalars(select(Instance).where(Instance.modality == "CT").limit(1)).one()
    late = Announced(row.identifier_id, row.study, row.series, "2.25.7", row.sop_class, "CT", row.study_date)
    expect(hospital.ws.vault, [late], source="pacs:main")
    with pytest.raises(BalanceError, match="1 waiting"):
        deliver(hospital)
    assert not outbox.exists()


def test_a_subject_with_undecided_instances_is_not_delivered(hospital: Hospital, outbox: Path) -> None:
    make(hospital)
    hospital.stage(small_study(when=SECOND_DAY))
    with pytest.raises(HeldError, match="undecided"):
        deliver(hospital)
    assert not outbox.exists()


def test_an_unknown_subject_is_wrong_input(hospital: Hospital, outbox: Path) -> None:
    with pytest.raises(InputError, match="no subject 'LA-999'"):
        deliver_subject(hospital.ws, hospital.ws.definition(LUNG), "LA-999")


def test_a_delivery_stands_in_audit_and_receipt(hospital: Hospital, outbox: Path) -> None:
    package = make(hospital)
    deliver(hospital)
    receipt = json.loads(package.path.with_name("LA-001.zip.receipt.json").read_text())
    assert [(each["destination"], each["version"]) for each in receipt["deliveries"]] == [("folder:outbox", 1)]
    assert all(proof["passed"] for proof in receipt["proofs"])
    with hospital.ws.vault.session(read_only=True) as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.act == "deliver")).all()
    assert [(entry.trial, entry.target, entry.detail["destination"]) for entry in entries] == [
        (LUNG, "LA-001", "folder:outbox")
    ]
