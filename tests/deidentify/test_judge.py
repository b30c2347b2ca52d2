"""What is remembered from one object for the next makes the work shorter, never another."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial.deidentify import engine, gathering
from pacs2trial.deidentify import judge as judging
from pacs2trial.deidentify.judge import judge_of
from pacs2trial.profile import staging_plan
from support.objects import ct_slice
from support.stages import file_of, reread, stage1, stage2


def with_operator(ds: Dataset, name: str, description: str) -> Dataset:
    """An object with a name that stands within a sequence only, behind the text that holds it."""
    item = Dataset()
    item.PerformingPhysicianName = name
    ds.ReferencedSeriesSequence = Sequence([item])
    ds.StudyDescription = description
    return ds


def of_patient(name: str, description: str, *, charset: str = "ISO_IR 100") -> Dataset:
    ds = ct_slice()
    ds.SpecificCharacterSet = charset
    ds.PatientName, ds.StudyDescription = name, description
    ds.BodyPartExamined = "HEAD"
    return ds


def objects() -> list[Dataset]:
    return [
        of_patient("Quandt^Ida", "Quandt thorax"),
        of_patient("Vossberg^Ida", "Quandt thorax"),
        of_patient("Head^Ida", "HEAD"),
        of_patient("Müller^Ida", "bei Müller"),
        of_patient("Müller^Ida", "bei Müller", charset="ISO_IR 192"),
        with_operator(ct_slice(), "Quandt^Ida", "for Quandt"),
        with_operator(ct_slice(), "Vossberg^Ida", "for Quandt"),
    ]


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for every time that a whole header is walked."""
    found: list[int] = []
    walk_header = engine.walk_header

    def counting(*args: Any, **kwargs: Any) -> object:
        found.append(1)
        return walk_header(*args, **kwargs)

    monkeypatch.setattr(engine, "walk_header", counting)
    monkeypatch.setattr(gathering, "_EXPECTED", {})
    return found


def test_the_order_of_objects_does_not_matter() -> None:
    def fresh(ds: Dataset) -> tuple[bytes, bytes]:
        judge_of.cache_clear()
        return file_of(stage1(ds)), file_of(stage2(ds, "clean_descriptors"))

    expected = [fresh(ds) for ds in objects()]
    for order in itertools.islice(itertools.permutations(range(len(expected))), 0, 5040, 500):
        judge_of.cache_clear()
        for index in (*order, *order):
            ds = objects()[index]
            assert (file_of(stage1(ds)), file_of(stage2(ds, "clean_descriptors"))) == expected[index]


def test_a_name_that_stands_within_a_sequence_only_is_found_in_text_before_it(walks: list[int]) -> None:
    found = reread(stage1(with_operator(ct_slice(), "Quandt^Ida", "for Quandt")))
    assert "Quandt" not in str(found)
    assert len(walks) == 2


def test_what_the_last_object_gave_is_expected_of_the_next(walks: list[int]) -> None:
    made = [stage1(with_operator(ct_slice(number), "Quandt^Ida", "for Quandt")) for number in range(1, 4)]
    assert ["Quandt" in str(reread(one)) for one in made] == [False] * 3
    assert len(walks) == 4


def test_a_header_is_walked_once_if_nothing_new_turns_up(walks: list[int]) -> None:
    stage1(ct_slice())
    stage1(of_patient("Quandt^Ida", "Quandt thorax"))
    stage1(with_operator(ct_slice(), "Vossberg^Ida", "for Quandt"))
    assert len(walks) == 3


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "_MOST_REMEMBERED", 10)
    judge = judging.Judge(judging.own_identifiers([]), (), frozenset())
    for number in range(100):
        assert judge.text(b"", b"text%d" % (100 + number)) is True
        assert judge.coded(b"CODE%d " % (100 + number)) is True
    assert judge.text(b"", b"x" * 1000) is True
    assert len(judge._texts) <= 10
    assert len(judge._coded) <= 10
    assert all(len(value) <= 256 for _, value in judge._texts)


def test_objects_of_a_series_share_a_judge() -> None:
    harvest = frozenset({("name", b"", b"Quandt^Ida")})
    assert judge_of(harvest, staging_plan()) is judge_of(frozenset(harvest), staging_plan())
