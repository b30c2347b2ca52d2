"""Values from other tables of the hospital: asked, written down, pinned; a package says by which it was made."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
import pytest
from sqlalchemy import select

from pacs2trial.errors import HeldError, InputError, PermanentError, ProofError
from pacs2trial.keytable import import_key_table, read_key_table
from pacs2trial.lookups import Recorded
from pacs2trial.lookups.needs import unmet_needs
from pacs2trial.restore.packages import Outcome, make_again
from pacs2trial.vault.erasure import erase_identities
from pacs2trial.vault.reidentify import reidentify
from pacs2trial.vault.tables import Disclosure, Kind, LookupAnswer, PackageRow, PackageState, Subject
from pacs2trial_demo.identities import LUCZYNSKA
from support.hospital import FIRST_DAY, LUNG, SECOND_DAY, Hospital, small_study

TIME_POINT = {"attribute": "ClinicalTrialTimePointID", "set": "{lookup.arm}"}
OPTIONS = ["clean_descriptors", "retain_modified_dates", "retain_patient_characteristics"]
BY_KEY = {"file": "arms.csv", "match": "subject_key", "value": "arm"}


def define(hospital: Hospital, lookup: dict[str, Any] | None, *rules: dict[str, Any], **more: Any) -> None:
    profile = {"options": OPTIONS, "rules": list(rules or [TIME_POINT])}
    lookups = {"lookups": {"arm": lookup}} if lookup else {}
    hospital.define(LUNG, profile=profile, **lookups, **more)


def write_table(hospital: Hospital, *rows: Sequence[str], name: str = "arms.csv") -> None:
    lines = [",".join(row) for row in rows]
    (hospital.ws.settings.keys / name).write_text("\n".join(lines) + "\n", "utf-8")


def database(hospital: Hospital, *rows: tuple[object, ...]) -> Path:
    """A trial centre's database behind the connection ``ctms``."""
    path = hospital.ws.settings.home / "ctms.db"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute("create table enrolment (who text, arm)")
        connection.executemany("insert into enrolment values (?, ?)", rows)
    file = hospital.ws.settings.connections_path
    file.write_text(json.dumps({"ctms": {"conn_type": "sqlite", "host": str(path)}}))
    file.chmod(0o600)
    return path


def time_points(package: Path) -> set[str]:
    with zipfile.ZipFile(package) as archive:
        members = [archive.read(name) for name in archive.namelist() if name.endswith(".dcm")]
    return {str(pydicom.dcmread(io.BytesIO(one)).ClinicalTrialTimePointID) for one in members}


def collected(hospital: Hospital) -> set[str]:
    return time_points(hospital.package(LUNG, "LA-001").path)


def answers(hospital: Hospital) -> list[LookupAnswer]:
    with hospital.ws.vault.session(read_only=True) as session:
        return list(session.scalars(select(LookupAnswer).order_by(LookupAnswer.id)))


def held(hospital: Hospital) -> str:
    with pytest.raises(HeldError) as raised:
        hospital.package(LUNG, "LA-001")
    return str(raised.value)


def test_a_file_answers_by_subject_key(hospital: Hospital) -> None:
    define(hospital, BY_KEY)
    write_table(hospital, ["subject_key", "arm"], ["LA-002", "A"], ["LA-001", "B"])
    assert collected(hospital) == {"B"}


def test_a_file_answers_by_several_columns(hospital: Hospital) -> None:
    define(hospital, {"file": "arms.csv", "match": {"Site": "centre", "Kind": "Modality"}, "value": "arm"})
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA}, centre="UK01")
    kinds = {"CT": "image", "RTSTRUCT": "contours", "RTPLAN": "plan", "RTDOSE": "dose", "RTIMAGE": "drr", "REG": "reg"}
    write_table(hospital, ["Site", "Kind", "arm"], *[["UK01", kind, arm] for kind, arm in kinds.items()])
    assert collected(hospital) == set(kinds.values())


def test_a_database_answers_by_patient_id_which_is_told_to_nobody_else(hospital: Hospital) -> None:
    define(hospital, {"connection": "ctms", "query": "select arm from enrolment where who = :patient_id"})
    database(hospital, (LUCZYNSKA.patient_id, "B"), ("other", "A"))
    assert collected(hospital) == {"B"}
    with hospital.ws.vault.session(read_only=True) as session:
        told = session.execute(select(Disclosure.caller, Disclosure.purpose)).all()
        stored = b"".join(bytes(row.answer_sealed) for row in session.scalars(select(LookupAnswer)))
    assert ("lookups", f"look-ups of trial {LUNG}") in [tuple(row) for row in told]
    assert LUCZYNSKA.patient_id.encode() not in stored


def test_a_parameter_is_bound_and_never_part_of_the_query(hospital: Hospital) -> None:
    define(hospital, {"connection": "ctms", "query": "select arm from enrolment where who = :centre"})
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA}, centre="x' or '1'='1")
    database(hospital, ("y", "A"))
    assert "no answer, since the table has none" in held(hospital)


def test_a_database_is_only_read(hospital: Hospital) -> None:
    query = "with one as (select 1) delete from enrolment where who = :subject_key returning arm"
    define(hospital, {"connection": "ctms", "query": query})
    path = database(hospital, ("LA-001", "B"))
    with pytest.raises(InputError, match="the database refused the query"):
        hospital.package(LUNG, "LA-001")
    with sqlite3.connect(path) as connection:
        assert connection.execute("select count(*) from enrolment").fetchone() == (1,)


def test_an_original_accession_number_may_be_asked_with(hospital: Hospital) -> None:
    define(hospital, {"connection": "ctms", "query": "select arm from enrolment where who = :accession_number"})
    database(hospital, (LUCZYNSKA.accession_number(FIRST_DAY), "B"))
    assert collected(hospital) == {"B"}


def test_days_and_numbers_are_written_as_dicom_writes_them(hospital: Hospital) -> None:
    define(hospital, {"connection": "ctms", "query": "select arm from enrolment where who = :subject_key"})
    database(hospital, ("LA-001", 3.0))
    assert collected(hospital) == {"3"}


def test_collecting_again_asks_again_and_changes_nothing(hospital: Hospital) -> None:
    define(hospital, BY_KEY)
    write_table(hospital, ["subject_key", "arm"], ["LA-001", "B"])
    first = hospital.package(LUNG, "LA-001")
    content = first.path.read_bytes()
    again = hospital.package(LUNG, "LA-001")
    assert (again.changed, again.sha256) == (False, first.sha256)
    first.path.unlink()
    assert hospital.package(LUNG, "LA-001").path.read_bytes() == content
    assert len(answers(hospital)) == 1


def test_a_changed_answer_makes_the_package_anew_and_both_answers_stay(
    hospital: Hospital, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="pacs2trial.collect")
    define(hospital, BY_KEY)
    write_table(hospital, ["subject_key", "arm"], ["LA-001", "B"])
    first = hospital.package(LUNG, "LA-001")
    write_table(hospital, ["subject_key", "arm"], ["LA-001", "A"])
    second = hospital.package(LUNG, "LA-001")
    assert second.changed
    assert second.content_digest != first.content_digest
    assert time_points(second.path) == {"A"}
    assert "LUNGART/LA-001.zip: no longer what version 1 was made from: lookups" in caplog.messages
    assert len({row.question for row in answers(hospital)}) == 1
    assert len({row.answer for row in answers(hospital)}) == 2


def test_a_changed_row_of_somebody_else_changes_nothing(hospital: Hospital) -> None:
    define(hospital, BY_KEY)
    write_table(hospital, ["subject_key", "arm"], ["LA-001", "B"], ["LA-002", "B"])
    hospital.package(LUNG, "LA-001")
    write_table(hospital, ["subject_key", "arm"], ["LA-001", "B"], ["LA-002", "A"])
    assert not hospital.package(LUNG, "LA-001").changed


def in_force(hospital: Hospital) -> tuple[Subject, PackageRow]:
    with hospital.ws.vault.session(read_only=True) as session:
        subject = session.scalars(select(Subject).where(Subject.trial == LUNG)).one()
        query = select(PackageRow).where(PackageRow.trial == LUNG, PackageRow.state != PackageState.SUPERSEDED)
        return subject, session.scalars(query).one()


def test_a_package_is_restored_with_the_answers_it_was_made_with(hospital: Hospital) -> None:
    define(hospital, {"connection": "ctms", "query": "select arm from enrolment where who = :patient_id"})
    database(hospital, (LUCZYNSKA.patient_id, "B"))
    made = hospital.package(LUNG, "LA-001")
    hospital.verify(made)
    content = made.path.read_bytes()
    made.path.unlink()
    database(hospital, (LUCZYNSKA.patient_id, "A")).unlink()
    subject, row = in_force(hospital)
    assert make_again(hospital.ws, subject, row, frozenset()).outcome is Outcome.RESTORED
    assert made.path.read_bytes() == content


def test_an_answer_that_the_vault_lost_is_told(hospital: Hospital) -> None:
    with pytest.raises(PermanentError, match="the vault lacks 1 answers of look-ups"):
        Recorded(hospital.ws.vault, LUNG, 1, [("arm", "0" * 64, "0" * 64)])


def test_without_an_answer_the_subject_is_held_unless_there_is_a_default(hospital: Hospital) -> None:
    define(hospital, BY_KEY)
    write_table(hospital, ["subject_key", "arm"], ["LA-002", "A"], ["LA-001", ""])
    message = held(hospital)
    assert message == (
        "LUNGART/LA-001: look-up arm: no answer, since the table has none: add it there, or give the look-up a default"
    )
    define(hospital, BY_KEY | {"default": "unknown"})
    assert collected(hospital) == {"unknown"}


def test_answers_that_contradict_each_other_hold_the_subject(hospital: Hospital) -> None:
    define(hospital, BY_KEY)
    write_table(hospital, ["subject_key", "arm"], ["LA-001", "A"], ["LA-001", "B"], ["LA-001", "B"])
    assert "there are 2 answers that differ: correct the table that is asked" in held(hospital)


def test_what_stands_empty_is_not_asked_with(hospital: Hospital) -> None:
    define(hospital, {"file": "arms.csv", "match": {"centre": "centre"}, "value": "arm"})
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA}, centre="")
    write_table(hospital, ["centre", "arm"], ["", "A"])
    assert "no answer, since centre is empty" in held(hospital)


def test_an_answer_that_cannot_be_written_holds_the_subject_and_is_not_repeated(hospital: Hospital) -> None:
    define(hospital, BY_KEY, {"attribute": "StationName", "set": "{lookup.arm}"})
    write_table(hospital, ["subject_key", "arm"], ["LA-001", "LUCZYNSKA LUCZYNSKA"])
    message = held(hospital)
    assert "look-up arm: the value cannot be written as '{lookup.arm}' asks: it has 19 characters" in message
    assert "LUCZYNSKA" not in message


@pytest.mark.parametrize(
    ("lookup", "message"),
    [
        (BY_KEY | {"file": "none.csv"}, "trial LUNGART, lookups.arm: there is no file"),
        (BY_KEY | {"file": "../vault.db"}, "trial LUNGART, lookups.arm: look-up tables live in"),
        (BY_KEY | {"value": "arn"}, "arms.csv: unknown column 'arn'; did you mean arm?"),
        (BY_KEY | {"match": {"key": "subject_key"}}, "arms.csv: unknown column 'key'; known are arm, subject_key"),
        (
            BY_KEY | {"match": {"arm": "centr"}},
            "is asked by an unknown column 'centr'; did you mean centre?",
        ),
        ({"connection": "ctmz", "query": "select 1 where :subject_key"}, "connection 'ctmz' is unknown"),
        ({"connection": "ctms", "query": "select who, arm from enrolment where :subject_key"}, "gives 2 columns"),
        (
            {"connection": "ctms", "query": "select rm from enrolment where :subject_key"},
            "the database refused the query",
        ),
    ],
)
def test_a_wrong_lookup_is_told(hospital: Hospital, lookup: dict[str, Any], message: str) -> None:
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA}, centre="UK01")
    define(hospital, lookup)
    write_table(hospital, ["subject_key", "arm"], ["LA-001", "A"])
    database(hospital, ("LA-001", "B"))
    with pytest.raises(InputError) as raised:
        hospital.package(LUNG, "LA-001")
    assert message in str(raised.value)


def test_a_lookup_that_no_rule_uses_is_not_asked(hospital: Hospital) -> None:
    define(hospital, BY_KEY | {"file": "none.csv"}, {"attribute": "StationName", "hash": True})
    assert hospital.package(LUNG, "LA-001").instances
    define(hospital, BY_KEY | {"file": "none.csv"}, TIME_POINT | {"modality": "MR"})
    assert hospital.package(LUNG, "LA-001").instances
    assert answers(hospital) == []


def test_an_answer_that_names_the_patient_does_not_leave(hospital: Hospital) -> None:
    define(hospital, BY_KEY)
    write_table(hospital, ["subject_key", "arm"], ["LA-001", f"arm of {LUCZYNSKA.patient_id}"])
    made = hospital.package(LUNG, "LA-001")
    with pytest.raises(ProofError):
        hospital.verify(made)


def test_erasing_a_trial_takes_its_answers_along(hospital: Hospital) -> None:
    define(hospital, BY_KEY)
    write_table(hospital, ["subject_key", "arm"], ["LA-001", "B"])
    hospital.package(LUNG, "LA-001")
    erase_identities(hospital.ws.vault, LUNG, actor="test", reason="the trial is over")
    assert answers(hospital) == []


# ---- columns of the key table ----------------------------------------------------------------------------------------

BY_COLUMN = {"attribute": "ClinicalTrialTimePointID", "set": "{timepoint}"}


def test_a_column_is_written_and_a_changed_one_makes_the_package_anew(hospital: Hospital) -> None:
    define(hospital, None, BY_COLUMN)
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA}, timepoint="W0")
    first = hospital.package(LUNG, "LA-001")
    assert time_points(first.path) == {"W0"}
    assert not hospital.package(LUNG, "LA-001").changed
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA}, timepoint="W4")
    second = hospital.package(LUNG, "LA-001")
    assert second.changed
    assert time_points(second.path) == {"W4"}


def test_each_study_has_the_columns_of_its_visit(hospital: Hospital) -> None:
    define(hospital, None, BY_COLUMN)
    hospital.stage(small_study(when=SECOND_DAY))
    path = hospital.ws.settings.keys / "lungart.csv"
    rows = [
        f"{LUCZYNSKA.patient_id},LA-001,{day},{day},{name}" for day, name in ((FIRST_DAY, "W0"), (SECOND_DAY, "W7"))
    ]
    path.write_text("\n".join(["patient_id,subject_key,study_date_from,study_date_to,timepoint", *rows]) + "\n")
    import_key_table(hospital.ws.vault, hospital.ws.definition(LUNG), read_key_table(path), actor="test")
    made = hospital.package(LUNG, "LA-001")
    assert time_points(made.path) == {"W0", "W7"}
    assert not hospital.package(LUNG, "LA-001").changed
    path.write_text(path.read_text().replace("W7", "W8"))
    import_key_table(hospital.ws.vault, hospital.ws.definition(LUNG), read_key_table(path), actor="test")
    assert time_points(hospital.package(LUNG, "LA-001").path) == {"W0", "W8"}


def test_days_are_counted_from_a_column_of_the_key_table(hospital: Hospital) -> None:
    offset = {"column": "enrolled", "event": "ENROLLMENT", "because": "An endpoint."}
    hospital.define(LUNG, profile={"options": OPTIONS, "offset": offset})
    (missing,) = unmet_needs(hospital.ws, hospital.ws.definition(LUNG))
    assert "profile.offset.column: unknown column 'enrolled'" in missing
    hospital.stage(small_study(when=SECOND_DAY))
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA}, enrolled=FIRST_DAY.isoformat())
    assert unmet_needs(hospital.ws, hospital.ws.definition(LUNG)) == []
    with zipfile.ZipFile(hospital.package(LUNG, "LA-001").path) as archive:
        members = [archive.read(name) for name in archive.namelist() if name.endswith(".dcm")]
    days = {pydicom.dcmread(io.BytesIO(one)).LongitudinalTemporalOffsetFromEvent for one in members}
    assert days == {0.0, float((SECOND_DAY - FIRST_DAY).days)}


def test_a_column_that_is_not_there_fails_the_subject_by_name(hospital: Hospital) -> None:
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA}, time_point="W0")
    define(hospital, None, BY_COLUMN)
    with pytest.raises(InputError, match=r"LUNGART/LA-001: .*unknown column 'timepoint'; did you mean time_point"):
        hospital.package(LUNG, "LA-001")


def test_a_hashed_value_is_found_again_by_those_who_may(hospital: Hospital) -> None:
    define(hospital, None, {"attribute": "Manufacturer", "hash": True})
    made = hospital.package(LUNG, "LA-001")
    originals = {str(each.Manufacturer) for each in small_study()}
    with zipfile.ZipFile(made.path) as archive:
        members = [archive.read(name) for name in archive.namelist() if name.endswith(".dcm")]
    codes = {str(pydicom.dcmread(io.BytesIO(one)).Manufacturer) for one in members}
    assert all(code.startswith("H") for code in codes)
    found = [reidentify(hospital.ws.vault, code, actor="test", reason="the sponsor asks") for code in codes]
    assert {(one.scope, one.kind, one.value) for (one,) in found} == {(LUNG, Kind.HASH, value) for value in originals}
