"""What a new version of a package holds otherwise than what was delivered, and what has to be given back."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from pacs2trial.changes import What, changes_csv, changes_of
from pacs2trial.corrections import export_recall, take_key_table
from pacs2trial.delivery import deliver_subject
from pacs2trial.keytable import read_key_table
from pacs2trial.vault.tables import Judgement, TrialInstance
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study
from support.packages import objects_of


@pytest.fixture
def delivering(hospital: Hospital) -> Hospital:
    """LUNGART delivers to a folder, with lists of changes; the first version of LA-001 is there."""
    hospital.define(LUNG, review="never", deliver=[{"to": "folder", "changes": True}])
    deliver(hospital, "LA-001")
    return hospital


def deliver(hospital: Hospital, key: str) -> int:
    """Collect, prove and deliver a subject; the id of its package."""
    package = hospital.package(LUNG, key)
    hospital.verify(package)
    deliver_subject(hospital.ws, hospital.ws.definition(LUNG), key)
    return package.package_id


def far_end(hospital: Hospital) -> Path:
    return hospital.ws.settings.home / "delivered" / LUNG


def test_the_first_version_has_no_changes(delivering: Hospital) -> None:
    found = changes_of(delivering.ws, delivering.package(LUNG, "LA-001").package_id)
    assert (found.since_version, found.words(), found.objects) == (None, "first", ())
    assert [path.name for path in far_end(delivering).iterdir()] == ["LA-001.zip"]


def test_added_objects_are_named_by_the_uids_that_the_trial_knows(delivering: Hospital) -> None:
    before = {str(each.SOPInstanceUID) for each in objects_of(far_end(delivering) / "LA-001.zip")}
    delivering.stage(small_study(when=SECOND_DAY))
    found = changes_of(delivering.ws, deliver(delivering, "LA-001"))
    after = {str(each.SOPInstanceUID) for each in objects_of(far_end(delivering) / "LA-001.zip")}
    assert {one.what for one in found.objects} == {What.ADDED}
    assert {one.sop_instance for one in found.objects} == after - before
    assert (found.since_version, found.version, found.because) == (1, 2, ("staged",))


def test_list_of_changes_lies_beside_the_package_at_the_far_end(delivering: Hospital) -> None:
    delivering.stage(small_study(when=SECOND_DAY))
    package = deliver(delivering, "LA-001")
    content = (far_end(delivering) / "LA-001.zip.changes.csv").read_bytes()
    assert content == changes_csv(changes_of(delivering.ws, package))
    receipt = json.loads((delivering.ws.settings.packages / LUNG / "LA-001.zip.receipt.json").read_text())
    assert receipt["changes"]["added"] == len(list(csv.DictReader(io.StringIO(content.decode()))))
    assert receipt["deliveries"][-1]["receipt"]["changes"]["path"].endswith("LA-001.zip.changes.csv")


def test_a_third_version_is_compared_with_the_second(delivering: Hospital) -> None:
    delivering.stage(small_study(when=SECOND_DAY))
    deliver(delivering, "LA-001")
    delivering.define(LUNG, review="never", deliver=[{"to": "folder", "changes": True}], sponsor="Another")
    found = changes_of(delivering.ws, deliver(delivering, "LA-001"))
    assert (found.since_version, {one.what for one in found.objects}) == (2, {What.REPLACED})
    assert {one.because for one in found.objects} == {"same object, made by other rules or another key row"}
    assert set(found.because) == {"rules", "sponsor"}


def test_removed_objects_are_named(delivering: Hospital) -> None:
    with delivering.ws.vault.session() as session:
        for row in session.query(TrialInstance).filter_by(trial=LUNG).limit(2):
            row.state = Judgement.NOT_WANTED
    definition, subject = delivering.ws.definition(LUNG), delivering.subject(LUNG, "LA-001")
    from pacs2trial.collect import collect_subject

    (package,) = collect_subject(delivering.ws, definition, subject)
    assert changes_of(delivering.ws, package.package_id).counts() == {
        "added": 0, "removed": 2, "replaced": 0, "re-keyed": 0,
    }  # fmt: skip


def swap(hospital: Hospital) -> None:
    """The key table now says that LA-001 is another patient and LUCZYNSKA is LA-002."""
    rows = [("patient_id", "subject_key"), (OXENBARGER.patient_id, "LA-001"), (LUCZYNSKA.patient_id, "LA-002")]
    path = hospital.ws.settings.keys / "lungart.csv"
    path.write_text("\n".join(",".join(row) for row in rows) + "\n", "utf-8")
    take_key_table(hospital.ws, hospital.ws.definition(LUNG), read_key_table(path), actor="test")


def test_objects_that_went_out_under_another_key_are_told_on_both_sides(delivering: Hospital) -> None:
    delivering.stage(small_study(OXENBARGER))
    swap(delivering)
    moved = changes_of(delivering.ws, deliver(delivering, "LA-002"))
    other = changes_of(delivering.ws, deliver(delivering, "LA-001"))
    assert moved.words() == "first"
    rekeyed = [one for one in other.objects if one.what is What.REKEYED]
    assert {(one.before, one.subject) for one in rekeyed} == {("LA-001", "LA-002")}
    assert len(rekeyed) == len(small_study())


def test_recall_list_names_every_object_that_has_to_be_given_back(delivering: Hospital, tmp_path: Path) -> None:
    sent = {str(each.SOPInstanceUID) for each in objects_of(far_end(delivering) / "LA-001.zip")}
    delivering.stage(small_study(OXENBARGER))
    swap(delivering)
    number = export_recall(delivering.ws, LUNG, tmp_path / "recall.csv")
    rows = list(csv.DictReader((tmp_path / "recall.csv").open(encoding="utf-8", newline="")))
    assert number == len(rows)
    assert {row["sop_instance"] for row in rows} == sent
    assert {(row["subject_key"], row["belongs_to"], row["effect"]) for row in rows} == {
        ("LA-001", "LA-002", "other patient")
    }


def test_no_change_names_an_original(delivering: Hospital) -> None:
    delivering.stage(small_study(when=SECOND_DAY))
    content = re.sub(r"2\.25\.\d+", "", changes_csv(changes_of(delivering.ws, deliver(delivering, "LA-001"))).decode())
    for text in (LUCZYNSKA.patient_id, LUCZYNSKA.family, LUCZYNSKA.accession_number(SECOND_DAY), "2024"):
        assert text not in content
