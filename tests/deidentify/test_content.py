"""Structured reports: what becomes of each content item, and that what is left is still a report."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.profile.structured import Concept, concepts
from support.objects import MARKER, PATIENT_ID, PLANTED, TableOfPseudonyms, encoded, part10
from support.programs import need
from support.reports import by_reference, dose_report, item, key_objects, report
from support.shared import SHARED
from support.stages import both_stages, file_of, reread, stage1, stage2

CLEAN = ("clean_structured_content", "clean_descriptors")
REFERENCES = {"COMPOSITE", "IMAGE", "UIDREF", "WAVEFORM"}


def items(ds: Dataset) -> Iterator[Dataset]:
    for one in ds.get("ContentSequence", ()):
        yield one
        yield from items(one)


def named(ds: Dataset, code: str) -> list[Dataset]:
    return [
        one
        for one in items(ds)
        if "ConceptNameCodeSequence" in one and one.ConceptNameCodeSequence[0].CodeValue == code
    ]


def value(one: Dataset) -> object:
    """The value of a content item, whatever its type."""
    if one.ValueType in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        return str(one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
    if one.ValueType == "CODE":
        return one.ConceptCodeSequence[0].CodeValue
    if one.ValueType == "NUM":
        return str(one.MeasuredValueSequence[0].NumericValue) if one.MeasuredValueSequence else ""
    keywords = {"TEXT": "TextValue", "PNAME": "PersonName", "DATE": "Date", "DATETIME": "DateTime", "TIME": "Time"}
    return str(one.get(keywords.get(one.ValueType, "UID"), ""))


def leaks(data: bytes) -> list[str]:
    return [planted for planted in PLANTED if planted.lower().encode() in data.lower()]


SAMPLES = {
    "TEXT": "Thorax axial",
    "PNAME": "Some^Body",
    "DATE": "20190312",
    "DATETIME": "20190312101500",
    "TIME": "101500",
    "NUM": ("5", "a"),
    "CODE": ("248152002", "SCT", "Female"),
    "CONTAINER": None,
}


def sample(concept: Concept, scheme: str = "", code: str = "") -> Dataset:
    name = (code or concept.code, scheme or concept.scheme, concept.meaning[:64])
    return item(concept.value_type, name, SAMPLES.get(concept.value_type, "1.2.3.4.5"))


OPTION_SETS = [
    ("clean_structured_content",),
    CLEAN,
    ("clean_structured_content", "retain_full_dates"),
    ("clean_structured_content", "retain_modified_dates"),
    ("clean_structured_content", "retain_device_identity"),
    ("clean_structured_content", "retain_institution_identity"),
    ("clean_structured_content", "retain_patient_characteristics"),
]


@pytest.mark.parametrize("options", OPTION_SETS, ids=" ".join)
def test_every_concept_of_the_table(options: tuple[str, ...]) -> None:
    """One report holds all 214; which stay, and how, is told from the table and compared as a list."""
    made = reread(stage2(report(*map(sample, concepts())), *options))
    expected = [outcome for concept in concepts() if (outcome := expectation(concept, options)) is not None]
    found = [(one.ConceptNameCodeSequence[0].CodeValue, one.ValueType, value(one)) for one in made.ContentSequence]
    assert found == expected


def expectation(concept: Concept, options: tuple[str, ...]) -> tuple[str, str, object] | None:
    """What an independent reading of the table's row gives."""
    name = (concept.code, concept.value_type)
    codes = {concept.options.get(option) for option in options} - {None}
    if concept.value_type in REFERENCES:
        return *name, TableOfPseudonyms("LUNGART").uid("1.2.3.4.5")
    sent = SAMPLES[concept.value_type]
    if codes and concept.value_type in ("DATE", "DATETIME"):
        moved = "20190203" if "retain_modified_dates" in options else "20190312"
        return *name, moved + str(sent)[8:]
    if codes:
        plain = sent[0] if isinstance(sent, tuple) else sent or ""
        return *name, plain
    if concept.basic == "X":
        return None
    dummies = {"DATE": "19000101", "DATETIME": "19000101000000", "TIME": "000000"}
    return *name, dummies.get(concept.value_type, "REMOVED")


def test_codes_of_the_older_scheme_count_as_well() -> None:
    older = [concept for concept in concepts() if concept.srt]
    assert len(older) == 11
    made = reread(
        stage2(report(*(sample(concept, "SRT", concept.srt) for concept in older)), "clean_structured_content")
    )
    found = [(one.ConceptNameCodeSequence[0].CodeValue, one.ValueType, value(one)) for one in made.ContentSequence]
    expected = [expectation(concept, ("clean_structured_content",)) for concept in older]
    codes = {concept.code: concept.srt for concept in older}
    assert found == [(codes[one[0]], *one[1:]) for one in expected if one]


def test_what_the_table_does_not_list_goes_by_its_value_type() -> None:
    unlisted = [
        item("TEXT", ("1", "99X", "Words"), "Thorax Kowalski axial"),
        item("PNAME", ("2", "99X", "Who"), "Kowalski^Jan"),
        item("DATE", ("3", "99X", "When"), "20190312"),
        item("TIME", ("4", "99X", "At"), "101500"),
        item("NUM", ("5", "99X", "How much"), ("12.5", "mm")),
        item("CODE", ("6", "99X", "Which"), ("51185008", "SCT", "Chest")),
        item("UIDREF", ("7", "99X", "Event"), "1.2.3.4"),
        item("IMAGE", ("8", "99X", "Image"), "1.2.3.5"),
        item("SCOORD", ("9", "99X", "Point"), [1.5, 2.5], item("IMAGE", None, "1.2.3.5", by="SELECTED FROM")),
    ]
    table = TableOfPseudonyms("LUNGART")

    def values(*options: str) -> list[object]:
        made = reread(stage2(report(*unlisted), "clean_structured_content", *options))
        return [value(one) for one in made.ContentSequence]

    fixed = ["12.5", "51185008", table.uid("1.2.3.4"), table.uid("1.2.3.5"), ""]
    assert values() == ["Thorax axial", "REMOVED", "19000101", "000000", *fixed]
    assert values("retain_modified_dates") == ["Thorax axial", "REMOVED", "20190203", "101500", *fixed]
    assert values("retain_full_dates") == ["Thorax axial", "REMOVED", "20190312", "101500", *fixed]


def test_a_value_of_another_type_than_the_item_says_goes() -> None:
    odd = item("NUM", ("113830", "DCM", "Mean CTDIvol"), ("1", "mGy"))
    odd.TextValue = odd.PersonName = "Kowalski"
    unknown = item("TEXT", ("9", "99X", "x"), "Thorax")
    unknown.ValueType = "POEM"
    nameless = item("TEXT", None, "Thorax")
    del nameless.ValueType
    made = reread(stage2(report(odd, unknown, nameless), *CLEAN)).ContentSequence
    assert "TextValue" not in made[0]
    assert "PersonName" not in made[0]
    assert [one.TextValue for one in made[1:]] == ["REMOVED", "REMOVED"]


@pytest.mark.parametrize("depth", [1, 7, 30])
def test_items_are_told_apart_at_every_depth(depth: int) -> None:
    content = item("TEXT", ("121022", "DCM", "Accession Number"), PATIENT_ID)
    for _ in range(depth):
        content = item(
            "CONTAINER",
            ("121070", "DCM", "Findings"),
            None,
            content,
            item("TEXT", ("121071", "DCM", "Finding"), "Thorax"),
        )
    for made in (stage1(report(content)), both_stages(report(content), *CLEAN)):
        assert leaks(file_of(made)) == []
        assert [value(one) for one in named(reread(made), "121071")] == ["Thorax"] * depth
        assert named(reread(made), "121022") == []


def test_a_dose_report_keeps_its_doses_and_loses_who() -> None:
    staging, trial = TableOfPseudonyms(), TableOfPseudonyms("LUNGART")
    first = stage1(dose_report(), pseudonyms=staging)
    assert leaks(file_of(first)) == []
    options = (*CLEAN, "retain_modified_dates", "retain_device_identity")
    last = stage2(split_file(file_of(first)), *options, pseudonyms=trial)
    assert leaks(file_of(last)) == []
    found = reread(last)
    assert [value(one) for one in items(found) if one.ValueType == "NUM"] == ["512.5", "12.75"]
    assert [value(one) for one in named(found, "113809")] == ["20190203101500.5"]
    assert [value(one) for one in named(found, "121008")] == ["REMOVED"]
    assert named(found, "121031") == named(found, "113605") == []
    assert [value(one) for one in named(found, "121030")] == ["REMOVED"]
    assert [value(one) for one in named(found, "125203")] == ["Thorax routine"]
    assert value(named(found, "110180")[0]) == found.StudyInstanceUID
    assert [value(one) for one in named(found, "123014")] == ["51185008"]


def test_where_items_are_referred_to_by_place_none_is_dropped() -> None:
    """All but the last are dropped otherwise; the places behind them would be others then."""
    content = [
        item("TEXT", ("121022", "DCM", "Accession Number"), PATIENT_ID),
        item("CONTAINER", ("121000", "DCM", "Devices"), None, item("TEXT", ("9", "99X", "x"), f"{MARKER} 1")),
        item("CODE", ("121032", "DCM", "Subject Sex"), ("248152002", "SCT", "Female")),
        item("NUM", ("121033", "DCM", "Subject Age"), ("57", "a")),
        item("NUM", ("5", "99X", "Size"), ("12", "mm"), by_reference(1, 2, 1)),
    ]
    for made in (stage1(report(*content)), stage2(report(*content), "clean_structured_content")):
        found = reread(made)
        assert leaks(file_of(made)) == []
        assert [one.ValueType for one in found.ContentSequence] == ["TEXT", "CONTAINER", "CODE", "NUM", "NUM"]
        assert found.ContentSequence[0].TextValue == "REMOVED"
        assert found.ContentSequence[4].ContentSequence[0].ReferencedContentItemIdentifier == [1, 2, 1]
    assert [value(one) for one in found.ContentSequence[2:4]] == ["261665006", ""]
    assert found.ContentSequence[1].ContentSequence[0].TextValue == "REMOVED"
    without = reread(stage2(report(*content[:4]), "clean_structured_content"))
    assert len(without.ContentSequence) == 0


def test_without_the_option_the_content_is_one_comment() -> None:
    made = stage2(dose_report(), "clean_descriptors", "retain_full_dates")
    (only,) = reread(made).ContentSequence
    assert (only.ConceptNameCodeSequence[0].CodeMeaning, only.TextValue) == ("Comment", "REMOVED")
    assert leaks(file_of(made)) == []


@pytest.mark.parametrize("options", [(), CLEAN], ids=["basic", "clean"])
def test_a_key_object_selection_keeps_what_it_selects(options: tuple[str, ...]) -> None:
    staging, trial = TableOfPseudonyms(), TableOfPseudonyms("LUNGART")
    last = stage2(split_file(file_of(stage1(key_objects(), pseudonyms=staging))), *options, pseudonyms=trial)
    found = reread(last)
    images = [value(one) for one in items(found) if one.ValueType == "IMAGE"]
    (study,) = found.CurrentRequestedProcedureEvidenceSequence
    evidence = [str(one.ReferencedSOPInstanceUID) for one in study.ReferencedSeriesSequence[0].ReferencedSOPSequence]
    assert images == evidence
    assert len(set(images)) == 2
    assert study.StudyInstanceUID == found.StudyInstanceUID
    assert found.ConceptNameCodeSequence[0].CodeMeaning == "Of Interest"
    assert [value(one) for one in named(found, "113012")] == (["tumour"] if options else [])
    assert leaks(file_of(last)) == []


@pytest.mark.parametrize("name", ["CODE", "TEXT", "PNAME", "IMAGE", "Contains", "Separate"])
def test_a_patient_whose_name_is_a_term_of_reports_breaks_none(name: str) -> None:
    ds = dose_report()
    ds.PatientName = f"{name}^Zoltan"
    before = [(one.ValueType, one.RelationshipType) for one in items(reread(stage1(dose_report())))]
    assert [(one.ValueType, one.RelationshipType) for one in items(reread(stage1(ds)))] == before


def test_explicit_implicit_and_undefined_lengths_give_the_same() -> None:
    for ds in (dose_report(), report(item("NUM", ("5", "99X", "Size"), ("12", "mm"), by_reference(1, 2, 1)))):
        undefined = Dataset(ds)
        undefined.walk(lambda _, element: setattr(element, "is_undefined_length", True) if element.VR == "SQ" else None)
        sent = {
            encoded(ds): "1.2.840.10008.1.2.1",
            encoded(ds, implicit=True): "1.2.840.10008.1.2",
            encoded(undefined): "1.2.840.10008.1.2.1",
        }
        assert len({bytes(stage1(data, syntax).header) for data, syntax in sent.items()}) == 1


# ---- validity ---------------------------------------------------------------------------------------------------


def errors(path: Path) -> set[str]:
    """What dciodvfy says is wrong, UIDs left out."""
    shown = subprocess.run([need("dciodvfy"), str(path)], capture_output=True, text=True, errors="replace", check=False)
    lines = (shown.stdout + shown.stderr).splitlines()
    return {re.sub(r"(?<=UID )[\d.]+", "UID", line) for line in lines if line.startswith("Error")}


def test_reports_are_as_valid_as_before(tmp_path: Path) -> None:
    """Real reports and made ones; one has 0 for a class, which is no class and is emptied."""
    sources = {
        "verified": part10(report(item("TEXT", ("121071", "DCM", "Finding"), "Thorax"), verified=True)),
        "dose": part10(dose_report()),
        "key objects": part10(key_objects()),
        **{name: Path(str(get_testdata_file(name))).read_bytes() for name in ("test-SR.dcm", "reportsi.dcm")},
        **{path.name: path.read_bytes() for path in sorted((SHARED / "derived-highdicom").glob("sr_document*.dcm"))},
    }
    for name, data in sources.items():
        path = tmp_path / "x.dcm"
        path.write_bytes(data)
        before = errors(path)
        first = stage1(split_file(data))
        outputs = [first, *(stage2(split_file(file_of(first)), *options) for options in ((), CLEAN))]
        for made in outputs:
            path.write_bytes(file_of(made))
            new = {error for error in errors(path) - before if "<ReferencedSOPClassUID>" not in error}
            assert new == set(), name
