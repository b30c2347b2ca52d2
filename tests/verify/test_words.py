"""A patient whose name is a word of imaging: the word stays, the name is found. Both stages and the proof agree."""

from __future__ import annotations

import pytest

from pacs2trial.verify.identifiers import Search, own_identifiers
from support.objects import ct_slice
from support.stages import reread, stage1


def findings(name: str, text: str) -> list[str]:
    own = own_identifiers(names=[name], ids=[], birth_dates=[], uids=[])
    return list(Search(own, frozenset()).in_texts("x", {"SeriesDescription": text}))


WORDS = [
    ("Head^Susan", "CT HEAD/NECK"),
    ("Head^Susan", "Head First-Supine"),
    ("Head^Susan", "MR HEAD"),
    ("Lung^Rose", "CT Lung R"),
    ("Bone^John", "bone window"),
    ("Chest^Ann", "PA CHEST"),
    ("Gray^May", "60 Gray in 30 fx"),
    ("Gray^May", "gray matter"),
    ("White^Jack", "white matter"),
    ("Young^Iris", "young adult"),
    ("Long^Ann", "long axis"),
]
NAMES = [
    ("Head^Susan", "Mrs Head"),
    ("Head^Susan", "S. Head"),
    ("Head^Susan", "Head, Susan"),
    ("Head^Susan", "CT head Susan"),
    ("Lung^Rose", "Rose Lung"),
    ("Bone^John", "Bone^J"),
    ("Gray^May", "plan Gray"),
    ("Gray^May", "May Gray"),
    ("White^Jack", "white lung"),
    ("Smith^John", "smith"),
]


@pytest.mark.parametrize(("name", "text"), WORDS)
def test_a_word_is_no_finding_and_stays_in_stage_1(name: str, text: str) -> None:
    assert findings(name, text) == []
    ds = ct_slice()
    ds.PatientName, ds.SeriesDescription = name, text
    assert reread(stage1(ds)).SeriesDescription == text


@pytest.mark.parametrize(("name", "text"), NAMES)
def test_a_name_is_a_finding_that_stage_1_leaves_no_reason_for(name: str, text: str) -> None:
    assert findings(name, text) != []
    ds = ct_slice()
    ds.PatientName, ds.SeriesDescription = name, text
    assert findings(name, str(reread(stage1(ds)).get("SeriesDescription", ""))) == []
