"""A key table is corrected after data had left: what becomes stale, what is made anew, what is told."""

from __future__ import annotations

import csv
import stat
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

from pacs2trial.corrections import export_outdated, outdated, settle, stale_subjects, take_key_table, whole_key_table
from pacs2trial.corrections.doubts import Answer, decide, doubts
from pacs2trial.delivery import deliver_subject
from pacs2trial.errors import HeldError, InputError, TransientError
from pacs2trial.review import Word, approve
from pacs2trial.settings import Settings
from pacs2trial.vault.tables import AuditEntry, PackageRow
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER, Identity
from support.hospital import LUNG, PELVIS, Hospital, copied, small_study
from support.packages import rewrite

FOLDER = [{"to": "folder"}]


@pytest.fixture(scope="module")
def delivered_home(furnished_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home and definitions of :func:`delivered`, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("delivered")
    settings = Settings(home=folder / "home", trials=folder / "trials", receiver_port=0)
    for hospital in copied(settings, furnished_home):
        _deliver_three(hospital)
    return folder


@pytest.fixture
def delivered(settings: Settings, delivered_home: Path) -> Iterator[Hospital]:
    """LA-001 and LA-002 were delivered; PV-007 is the patient of LA-001 in another trial."""
    yield from copied(settings, delivered_home)


def _deliver_three(hospital: Hospital) -> None:
    hospital.define(LUNG, deliver=FOLDER)
    hospital.define(PELVIS, deliver=FOLDER)
    hospital.stage(small_study(OXENBARGER))
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER})
    for key in ("LA-001", "LA-002"):
        leave(hospital, LUNG, key)
    leave(hospital, PELVIS, "PV-007")


def leave(hospital: Hospital, trial: str, key: str) -> None:
    hospital.verify(hospital.package(trial, key))
    deliver_subject(hospital.ws, hospital.ws.definition(trial), key)


def take(hospital: Hospital, subjects: dict[str, Identity], **columns: str) -> None:
    names = ["patient_id", "subject_key", *columns]
    lines = [",".join([identity.patient_id, key, *columns.values()]) for key, identity in subjects.items()]
    take_lines(hospital, ",".join(names), *lines)


def take_lines(hospital: Hospital, *lines: str) -> None:
    definition = hospital.ws.definition(LUNG)
    path = hospital.ws.settings.keys / "lungart.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    take_key_table(hospital.ws, definition, whole_key_table(hospital.ws, definition), actor="ann")


def at_trial_centre(hospital: Hospital, trial: str = LUNG) -> dict[str, bytes]:
    folder = hospital.ws.settings.home / "delivered" / trial
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.zip"))}


def in_packages(hospital: Hospital, trial: str = LUNG) -> set[str]:
    return {path.name for path in (hospital.ws.settings.packages / trial).glob("*.zip")}


def told(hospital: Hospital) -> list[tuple[str, str, str]]:
    return [(one.subject_key, one.effect, one.belongs_to) for one in outdated(hospital.ws, LUNG)]


def test_a_swap_is_made_anew_under_the_right_keys(delivered: Hospital) -> None:
    before = at_trial_centre(delivered)
    take(delivered, {"LA-001": OXENBARGER, "LA-002": LUCZYNSKA})
    assert told(delivered) == [("LA-001", "other patient", "LA-002"), ("LA-002", "other patient", "LA-001")]
    assert stale_subjects(delivered.ws, LUNG) == ["LA-001", "LA-002"]
    assert in_packages(delivered) == set(), "what is wrong does not lie about"
    for key in ("LA-001", "LA-002"):
        with pytest.raises(HeldError):
            deliver_subject(delivered.ws, delivered.ws.definition(LUNG), key)
    assert at_trial_centre(delivered) == before
    for key in ("LA-001", "LA-002"):
        leave(delivered, LUNG, key)
    after = at_trial_centre(delivered)
    assert after.keys() == before.keys()
    assert after["LA-001.zip"] != before["LA-001.zip"]
    assert stale_subjects(delivered.ws, LUNG) == []
    assert len(told(delivered)) == 2, "that another patient's data were there is for a person to settle"


def test_a_swap_taken_back_sends_again_what_had_been_sent_first(delivered: Hospital) -> None:
    before = at_trial_centre(delivered)
    for subjects in ({"LA-001": OXENBARGER, "LA-002": LUCZYNSKA}, {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER}):
        take(delivered, subjects)
        for key in subjects:
            leave(delivered, LUNG, key)
    assert at_trial_centre(delivered) == before


def test_a_corrected_key_withdraws_the_old_package_and_makes_the_new(delivered: Hospital) -> None:
    take(delivered, {"LA-009": LUCZYNSKA, "LA-002": OXENBARGER})
    assert told(delivered) == [("LA-001", "withdrawn", "LA-009")]
    assert in_packages(delivered) == {"LA-002.zip"}
    with pytest.raises(InputError):
        deliver_subject(delivered.ws, delivered.ws.definition(LUNG), "LA-001")
    leave(delivered, LUNG, "LA-009")
    assert "LA-009.zip" in at_trial_centre(delivered)


def test_a_corrected_key_keeps_uids_and_dates(delivered: Hospital) -> None:
    def uids(package: Path) -> set[str]:
        found: set[str] = set()

        def look(name: str, content: bytes) -> bytes:
            if name.endswith(".dcm"):
                dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(content))
                found.add(f"{dataset.SOPInstanceUID} {dataset.StudyDate}")
            return content

        rewrite(package, look)
        return found

    home = delivered.ws.settings.home
    before = uids(home / "delivered" / LUNG / "LA-001.zip")
    take(delivered, {"LA-009": LUCZYNSKA, "LA-002": OXENBARGER})
    assert uids(delivered.package(LUNG, "LA-009").path) == before


def test_a_column_that_decides_nothing_is_found_right_again(delivered: Hospital) -> None:
    take(delivered, {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER}, ward="7")
    assert stale_subjects(delivered.ws, LUNG) == ["LA-001", "LA-002"]
    assert len(told(delivered)) == 2
    with pytest.raises(HeldError, match="key table was corrected after the package was made"):
        deliver_subject(delivered.ws, delivered.ws.definition(LUNG), "LA-001")
    assert not delivered.package(LUNG, "LA-001").changed
    assert [one[0] for one in told(delivered)] == ["LA-002"]
    (receipt,) = deliver_subject(delivered.ws, delivered.ws.definition(LUNG), "LA-001")
    assert not receipt.new
    everything = outdated(delivered.ws, LUNG, settled=True)
    assert [one.settlement for one in everything if one.subject_key == "LA-001"] == [
        "the package made anew has the same content"
    ]


def test_a_stale_package_cannot_be_approved(delivered: Hospital) -> None:
    delivered.define(LUNG, deliver=FOLDER, review="always")
    take(delivered, {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER}, ward="7")
    with pytest.raises(HeldError, match="key table was corrected"):
        approve(delivered.ws, LUNG, "LA-001", Word("ann"))


def test_a_merged_patient_becomes_one_package_with_one_date_shift(delivered: Hospital) -> None:
    main, alias = LUCZYNSKA.patient_id, OXENBARGER.patient_id
    take_lines(delivered, "patient_id,subject_key,alias", f"{main},LA-001,", f"{alias},LA-001,yes")
    assert told(delivered) == [("LA-001", "key row changed", ""), ("LA-002", "withdrawn", "LA-001")]
    with pytest.raises(HeldError, match="keys doubts"):  # the two IDs name two birth dates
        delivered.package(LUNG, "LA-001")
    while open_doubts := doubts(delivered.ws, LUNG):
        decide(delivered.ws, LUNG, open_doubts[0].token, Answer.BELONGS, reason="registry", actor="ann")
        delivered.filter(LUNG, "LA-001")
    merged = delivered.package(LUNG, "LA-001")
    assert merged.instances == 2 * len(small_study())
    delivered.verify(merged)
    deliver_subject(delivered.ws, delivered.ws.definition(LUNG), "LA-001")
    assert told(delivered) == [("LA-002", "withdrawn", "LA-001")], "the centre got the right LA-001"


def test_a_withdrawn_subject_that_returns_is_sent_again(delivered: Hospital) -> None:
    before = at_trial_centre(delivered)
    take(delivered, {"LA-001": LUCZYNSKA})
    (delivered.ws.settings.home / "delivered" / LUNG / "LA-002.zip").unlink()
    take(delivered, {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER})
    leave(delivered, LUNG, "LA-002")
    assert at_trial_centre(delivered) == before


def test_another_trial_of_the_same_patient_is_untouched(delivered: Hospital) -> None:
    take(delivered, {"LA-001": OXENBARGER})
    assert stale_subjects(delivered.ws, PELVIS) == []
    assert outdated(delivered.ws, PELVIS) == []
    assert not delivered.package(PELVIS, "PV-007").changed
    (receipt,) = deliver_subject(delivered.ws, delivered.ws.definition(PELVIS), "PV-007")
    assert not receipt.new


def test_work_begun_before_an_import_does_not_end_after_it(delivered: Hospital) -> None:
    subject = delivered.subject(LUNG, "LA-001")
    take(delivered, {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER}, ward="7")
    from pacs2trial.collect import collect_subject
    from pacs2trial.filtering.filter import filter_subject

    with pytest.raises(TransientError, match="a new key table was imported this moment"):
        filter_subject(delivered.ws, delivered.ws.definition(LUNG), subject)
    with pytest.raises(TransientError, match="a new key table was imported this moment"):
        collect_subject(delivered.ws, delivered.ws.definition(LUNG), subject)


def test_the_list_is_exported_for_its_owner_only_and_names_nobody(delivered: Hospital, tmp_path: Path) -> None:
    take(delivered, {"LA-009": LUCZYNSKA})
    path = tmp_path / "outdated.csv"
    path.write_text("old")
    path.chmod(0o644)
    export_outdated(outdated(delivered.ws, LUNG), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["subject_key"], row["effect"], row["belongs_to"]) for row in rows] == [
        ("LA-001", "withdrawn", "LA-009"),
        ("LA-002", "withdrawn", ""),
    ]
    assert all(row["path"].endswith(f"{row['subject_key']}.zip") and row["sha256"] for row in rows)
    assert not any(one.patient_id in path.read_text() for one in (LUCZYNSKA, OXENBARGER))


def test_what_was_done_is_written_down_and_audited(delivered: Hospital) -> None:
    take(delivered, {"LA-001": LUCZYNSKA})
    with pytest.raises(InputError, match="--reason"):
        settle(delivered.ws, LUNG, "LA-002", reason=" ", actor="ann")
    assert settle(delivered.ws, LUNG, "LA-002", reason="centre deleted it", actor="ann") == 1
    assert told(delivered) == []
    with pytest.raises(InputError, match="nothing outdated that is open"):
        settle(delivered.ws, LUNG, "LA-002", reason="again", actor="ann")
    with delivered.ws.vault.session(read_only=True) as session:
        entry = session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()
        packages = session.query(PackageRow).filter_by(trial=LUNG).count()
    assert entry is not None
    assert (entry.act, entry.target, entry.reason) == ("outdated deliveries settled", "LA-002", "centre deleted it")
    assert packages == 2, "the vault keeps what was"
