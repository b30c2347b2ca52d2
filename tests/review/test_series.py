"""Series that a reviewer keeps back: what leaves is made anew without them, and nothing else leaves."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select

from pacs2trial.delivery import deliver_subject
from pacs2trial.errors import HeldError, InputError
from pacs2trial.review import (
    Reason,
    ReviewState,
    SeriesItem,
    Word,
    approve,
    approve_without,
    hold_series,
    reject_series,
    reviews,
    series_of,
    take_back,
)
from pacs2trial.vault.tables import AuditEntry
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study

KEY = "LA-001"
ANN = Word("ann", Reason.QUALITY)


@pytest.fixture
def made(hospital: Hospital) -> Hospital:
    """A trial that wants every package reviewed, with one verified package of several series."""
    hospital.define(LUNG, review="always", deliver=[{"to": "folder", "path": "outbox"}])
    remake(hospital)
    with pytest.raises(HeldError):
        deliver(hospital)
    return hospital


def remake(hospital: Hospital) -> str:
    package = hospital.package(LUNG, KEY)
    hospital.verify(package)
    return package.content_digest


def deliver(hospital: Hospital) -> list:
    return deliver_subject(hospital.ws, hospital.ws.definition(LUNG), KEY)


def of_modality(hospital: Hospital, modality: str) -> SeriesItem:
    return next(one for one in series_of(hospital.ws, LUNG, KEY) if one.modality == modality)


def delivered(hospital: Hospital) -> set[str]:
    """Series of the objects in the delivered zip."""
    (zipped,) = Path(hospital.ws.settings.home / "delivered" / "outbox").glob("*.zip")
    with zipfile.ZipFile(zipped) as archive:
        return {name.split("/")[2] for name in archive.namelist() if name.endswith(".dcm")}


def test_the_series_of_a_package_are_listed_by_what_they_are_called_when_they_leave(made: Hospital) -> None:
    found = series_of(made.ws, LUNG, KEY)
    approve(made.ws, LUNG, KEY, Word("ann"))
    deliver(made)
    assert {one.series for one in found} == delivered(made)
    assert {"CT", "RTSTRUCT"} < {one.modality for one in found}
    assert all(one.instances for one in found)


def test_what_is_left_of_a_partly_approved_content_leaves_without_being_asked_about_again(made: Hospital) -> None:
    every, unwanted = {one.series for one in series_of(made.ws, LUNG, KEY)}, of_modality(made, "RTIMAGE").series
    (item,) = reviews(made.ws, LUNG)
    approve_without(made.ws, LUNG, KEY, [unwanted], ANN, content_digest=item.content_digest)
    with pytest.raises(HeldError):
        deliver(made)
    remake(made)
    assert deliver(made)[0].new
    assert delivered(made) == every - {unwanted}
    with made.ws.vault.session(read_only=True) as session:
        acts = session.execute(select(AuditEntry.act, AuditEntry.actor).where(AuditEntry.act.startswith("review")))
        assert acts.all() == [
            ("review partly approved", "ann"),
            ("review series rejected", "ann"),
            ("review approved", "ann"),
        ]


def test_more_than_what_was_left_is_asked_about(made: Hospital) -> None:
    (item,) = reviews(made.ws, LUNG)
    unwanted = of_modality(made, "RTIMAGE").series
    approve_without(made.ws, LUNG, KEY, [unwanted], ANN, content_digest=item.content_digest)
    made.stage(small_study(when=SECOND_DAY))
    remake(made)
    with pytest.raises(HeldError, match="waits for review"):
        deliver(made)


def test_after_a_rejection_alone_the_rest_is_asked_about(made: Hospital) -> None:
    reject_series(made.ws, LUNG, KEY, [of_modality(made, "RTIMAGE").series], ANN)
    with pytest.raises(HeldError):
        deliver(made)
    remake(made)
    with pytest.raises(HeldError, match="waits for review"):
        deliver(made)


def test_a_rejection_stops_an_approved_package_at_once(made: Hospital) -> None:
    approve(made.ws, LUNG, KEY, Word("bea"))
    reject_series(made.ws, LUNG, KEY, [of_modality(made, "CT").series], ANN)
    with pytest.raises(HeldError):
        deliver(made)
    assert not (made.ws.settings.home / "delivered").exists()


def test_a_held_series_keeps_the_subject_until_it_is_taken_back(made: Hospital) -> None:
    approve(made.ws, LUNG, KEY, Word("bea"))
    held = of_modality(made, "CT").series
    hold_series(made.ws, LUNG, KEY, [held], ANN)
    with pytest.raises(HeldError, match=" held"):
        deliver(made)
    with pytest.raises(HeldError):
        remake(made)
    take_back(made.ws, LUNG, KEY, [held], Word("bea"))
    remake(made)
    assert deliver(made)[0].new


def test_what_is_taken_back_is_asked_about_as_a_whole(made: Hospital) -> None:
    (item,) = reviews(made.ws, LUNG)
    unwanted = of_modality(made, "RTIMAGE").series
    approve_without(made.ws, LUNG, KEY, [unwanted], ANN, content_digest=item.content_digest)
    remake(made)
    take_back(made.ws, LUNG, KEY, [unwanted], Word("ann"))
    assert remake(made) == item.content_digest
    with pytest.raises(HeldError, match="waits for review"):
        deliver(made)
    assert [one.state for one in reviews(made.ws, LUNG)] == [ReviewState.OPEN]


def test_a_whole_study_may_be_rejected(made: Hospital) -> None:
    made.stage(small_study(when=SECOND_DAY))
    remake(made)
    study = series_of(made.ws, LUNG, KEY)[0].study
    before = series_of(made.ws, LUNG, KEY)
    number = reject_series(made.ws, LUNG, KEY, [study], ANN)
    remake(made)
    left = {one.series for one in series_of(made.ws, LUNG, KEY) if not one.answer}
    assert left == {one.series for one in before if one.study != study}
    assert number == len(before) - len(left)


def test_other_trials_are_not_concerned(made: Hospital) -> None:
    made.define("PELVIC", review="never")
    before = made.package("PELVIC", "PV-007").content_digest
    reject_series(made.ws, LUNG, KEY, [of_modality(made, "CT").series], ANN)
    assert made.package("PELVIC", "PV-007").content_digest == before


@pytest.mark.parametrize(
    ("series", "given", "message"),
    [
        (["1.2.3"], ANN, "1 of the UIDs name no study or series"),
        ([], ANN, "name no study or series"),
        (["1.2.3"], Word("ann"), "needs a reason"),
        (["1.2.3"], Word("ann", Reason.OTHER), "needs a comment"),
    ],
)
def test_a_decision_names_series_and_a_reason(made: Hospital, series: list[str], given: Word, message: str) -> None:
    with pytest.raises(InputError, match=message):
        reject_series(made.ws, LUNG, KEY, series, given)
