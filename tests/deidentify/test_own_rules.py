"""What rules of a trial's own do to objects, through the engine."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial.deidentify import Deidentified
from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import HeldError, InputError
from support.definitions import trial
from support.objects import ACCESSION, PATIENT_NAME, TableOfPseudonyms, base, ct_slice
from support.stages import SUBJECT_KEY, file_of, reread, stage1, stage2

RT_PLAN = "1.2.840.10008.5.1.4.1.1.481.5"
BECAUSE = {"because": "The protocol needs it."}


def made(
    ds: Dataset, *rules: dict[str, Any], options: tuple[str, ...] = ("clean_descriptors",), **more: Any
) -> Deidentified:
    """An original through both stages, by these rules."""
    definition = trial(profile={"options": list(options), "rules": list(rules)})
    return stage2(split_file(file_of(stage1(ds))), definition=definition, **more)


def found(
    ds: Dataset, *rules: dict[str, Any], options: tuple[str, ...] = ("clean_descriptors",), **more: Any
) -> Dataset:
    return reread(made(ds, *rules, options=options, **more))


def rt_plan() -> Dataset:
    ds = base(RT_PLAN, "1.2.3.9", modality="RTPLAN")  # type: ignore[arg-type]
    ds.RTPlanLabel = "Lung"
    beams = []
    for number in (1, 2):
        beam = Dataset()
        beam.BeamNumber, beam.BeamName = number, f"Left {number}"
        point = Dataset()
        point.ControlPointIndex = "0"
        beam.ControlPointSequence = Sequence([point])
        beams.append(beam)
    ds.BeamSequence = Sequence(beams)
    return ds


def test_keep_passes_the_whole_value() -> None:
    ds = ct_slice()
    ds.SeriesDescription = "Quux 1.0 B30f"
    rule = {"attribute": "SeriesDescription", "keep": True} | BECAUSE
    assert found(ds).SeriesDescription == "1.0 B30f"
    assert found(ds, rule).SeriesDescription == "Quux 1.0 B30f"


def test_a_kept_value_is_still_searched_for_the_objects_own_identifiers() -> None:
    ds = ct_slice()
    ds.SeriesDescription = "Scan of Mr Zoltan"
    rule = {"attribute": "SeriesDescription", "keep": True} | BECAUSE
    assert "Zoltan" not in str(found(ds, rule))


def test_what_staging_could_not_know_is_searched_in_stage_two() -> None:
    ds = ct_slice()
    ds.SeriesDescription = "see john@example.org"
    rule = {"attribute": "SeriesDescription", "replace": [{"pattern": "(.*)", "by": r"\1 LA"}]} | BECAUSE
    definition = trial(profile={"rules": [rule]})
    assert "example" not in str(reread(stage2(ds, definition=definition)))


def test_remove_empty_and_dummy_at_every_depth() -> None:
    ds = ct_slice()
    item = Dataset()
    item.SeriesDescription, item.StationName, item.BodyPartExamined = "Thorax", "CT01", "CHEST"
    ds.ReferencedImageSequence[0].update(item)
    ds.StationName = "CT01"
    options = ("clean_descriptors", "retain_device_identity")
    rules = (
        {"attribute": "SeriesDescription", "remove": True},
        {"attribute": "StationName", "empty": True},
        {"attribute": "BodyPartExamined", "dummy": "PART"},
    )
    result = found(ds, *rules, options=options)
    for level in (result, result.ReferencedImageSequence[0]):
        assert "SeriesDescription" not in level
        assert (level.StationName, level.BodyPartExamined) == ("", "PART")


def test_replace_takes_whole_values_and_leaves_others_to_the_next_rule() -> None:
    ds = ct_slice()
    rules = (
        {"attribute": "SeriesDescription", "replace": {"Thorax 1.0 B30f": "Chest", "Kopf": "Head"}},
        {"attribute": "SeriesDescription", "dummy": "OTHER"},
    )
    results = []
    for text in ("Thorax 1.0 B30f", "Kopf ", "Thorax 1.0 B30f x", "kopf"):
        ds.SeriesDescription = text
        results.append(found(ds, *rules).SeriesDescription)
    assert results == ["Chest", "Head", "OTHER", "OTHER"]


def test_replace_by_pattern_can_pass_parts() -> None:
    ds = ct_slice()
    ds.SeriesDescription = "Serie 12 vom Kopf"
    cases = [{"pattern": r"Serie (\d+) vom (.*)", "by": r"Series \1 of \2"}, {"pattern": ".*", "by": "none"}]
    rule = {"attribute": "SeriesDescription", "replace": cases} | BECAUSE
    assert found(ds, rule).SeriesDescription == "Series 12 of Kopf"
    ds.SeriesDescription = "anything"
    assert found(ds, rule).SeriesDescription == "none"


def test_a_replacement_that_does_not_fit_its_vr_is_left_to_the_next_rule() -> None:
    ds = ct_slice()
    ds.StationName = "A" * 16
    rules = (
        {"attribute": "StationName", "replace": [{"pattern": "(.*)", "by": r"\1\1"}]} | BECAUSE,
        {"attribute": "StationName", "dummy": "LONG"},
    )
    assert found(ds, *rules).StationName == "LONG"


def test_replaced_letters_are_compared_in_the_character_set_of_the_object() -> None:
    ds = ct_slice()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SeriesDescription = "Schädel"
    assert (
        found(ds, {"attribute": "SeriesDescription", "replace": {"Schädel": "Schläfe"}}).SeriesDescription == "Schlafe"
    )


def test_equal_values_have_equal_hashes_whatever_attribute_level_and_encoding() -> None:
    ds = rt_plan()
    ds.StationName = ds.InstitutionalDepartmentName = "Müller-Gerät"
    ds.BeamSequence[0].BeamName = "Müller-Gerät "
    rules = [{"attribute": name, "hash": True} for name in ("StationName", "InstitutionalDepartmentName", "BeamName")]
    options = ("clean_descriptors", "retain_device_identity", "retain_institution_identity")
    first = found(ds, *rules, options=options)
    code = first.StationName
    assert code == first.InstitutionalDepartmentName == first.BeamSequence[0].BeamName != first.BeamSequence[1].BeamName
    assert "ller" not in str(first)
    ds.SpecificCharacterSet = "ISO_IR 192"
    assert found(ds, *rules, options=options).StationName == code


def test_hashes_of_two_trials_have_nothing_in_common() -> None:
    ds = ct_slice()
    rule = {"attribute": "StationName", "hash": True}
    codes = {found(ds, rule, pseudonyms=TableOfPseudonyms(scope)).StationName for scope in ("LUNGART", "PELVIC")}
    assert len(codes) == 2


def test_each_of_several_values_has_its_own_hash() -> None:
    ds = ct_slice()
    ds.SeriesDescription = "one"
    ds.InstitutionalDepartmentName = "x"
    ds.SoftwareVersions = ["one", "", "two"]
    rules = [{"attribute": name, "hash": True} for name in ("SoftwareVersions", "SeriesDescription")]
    result = found(ds, *rules, options=("clean_descriptors", "retain_device_identity"))
    one, empty, two = result.SoftwareVersions
    assert (one, empty) == (result.SeriesDescription, "")
    assert one != two


def test_map_code_gives_the_pseudonym_of_an_accession_number() -> None:
    pseudonyms = TableOfPseudonyms("LUNGART")
    result = found(ct_slice(), {"attribute": "AccessionNumber", "map": "code"}, pseudonyms=pseudonyms)
    assert found(ct_slice()).AccessionNumber == ""
    assert result.AccessionNumber
    assert ACCESSION not in result.AccessionNumber


def test_shift_moves_a_day_that_the_profile_would_remove() -> None:
    ds = ct_slice()
    ds.AcquisitionDate = "20190401"
    rule = {"attribute": "AcquisitionDate", "shift": True} | BECAUSE
    result = found(ds, rule)
    assert result.AcquisitionDate == "20190223"
    assert result.StudyDate == ""
    assert result.LongitudinalTemporalInformationModified == "MODIFIED"


def test_set_writes_on_the_outermost_level_whatever_the_object_brought() -> None:
    ds = ct_slice()
    item = Dataset()
    item.ClinicalTrialTimePointID, item.StationName = "T9", "ZZPHI"
    ds.ReferencedImageSequence[0].update(item)
    rules = ({"attribute": "ClinicalTrialTimePointID", "set": "TP-{timepoint}/{site} {{x}}"},)
    result = found(ds, *rules, columns={"timepoint": "W4 Zürich"})
    assert result.ClinicalTrialTimePointID == "TP-W4 Zurich/UK01 {x}"
    assert "ClinicalTrialTimePointID" not in result.ReferencedImageSequence[0]
    assert [e.tag for e in result] == sorted(e.tag for e in result)


def test_within_items_the_next_rule_decides_what_set_does_not() -> None:
    ds = ct_slice()
    ds.StationName = "CT01"
    ds.ReferencedImageSequence[0].StationName = "CT02"
    rules = ({"attribute": "StationName", "set": "{subject_key}"}, {"attribute": "StationName", "dummy": "X"})
    result = found(ds, *rules, options=("retain_device_identity",))
    assert (result.StationName, result.ReferencedImageSequence[0].StationName) == (SUBJECT_KEY, "X")


def test_set_by_a_path_writes_into_every_item() -> None:
    rules = ({"attribute": "BeamSequence > BeamDescription", "set": "{arm}"},)
    result = found(rt_plan(), *rules, columns={"arm": "B"})
    assert [beam.BeamDescription for beam in result.BeamSequence] == ["B", "B"]
    assert "BeamDescription" not in result
    assert all("BeamDescription" not in beam.ControlPointSequence[0] for beam in result.BeamSequence)


def test_numbers_are_set_in_binary() -> None:
    ds = ct_slice()
    rules = ({"attribute": "ExposureTimeInms", "set": "{t}"}, {"attribute": "PatientSize", "set": "1.75"})
    result = found(ds, *rules, columns={"t": "2.5"})
    assert (result.ExposureTimeInms, result.PatientSize) == (2.5, 1.75)


def test_rules_speak_of_their_own_kind_of_object_alone() -> None:
    rule = {"attribute": "ClinicalTrialTimePointID", "set": "T1", "sop_class": "RTPlanStorage"}
    assert found(rt_plan(), rule).ClinicalTrialTimePointID == "T1"
    assert "ClinicalTrialTimePointID" not in found(ct_slice(), rule)


def test_the_same_object_comes_out_the_same_from_implicit_and_explicit_vr() -> None:
    from support.objects import encoded
    from support.stages import as_encoded

    rules = ({"attribute": "BeamSequence > BeamName", "hash": True}, {"vr": "DA", "remove": True})
    definition = trial(profile={"options": [], "rules": list(rules)})
    explicit = stage2(rt_plan(), definition=definition)
    implicit = stage2(as_encoded(encoded(rt_plan(), implicit=True), "1.2.840.10008.1.2"), definition=definition)
    assert explicit.header == implicit.header


WRONG_VALUES = (
    ({"timepoint": ""}, "LUNGART/LA-001: column timepoint is empty, which a rule of the trial sets: fill it in"),
    (
        {"timepoint": "x" * 65},
        "column timepoint: the value cannot be written as '{timepoint}' asks: it has 65 characters",
    ),
    ({"timepoint": "東京"}, "column timepoint: the value cannot be written as '{timepoint}' asks: it has letters that"),
)


@pytest.mark.parametrize(("columns", "message"), WRONG_VALUES)
def test_a_value_that_cannot_be_written_holds_the_subject(columns: dict[str, str], message: str) -> None:
    rule = {"attribute": "ClinicalTrialTimePointID", "set": "{timepoint}"}
    with pytest.raises(HeldError) as raised:
        found(ct_slice(), rule, columns=columns)
    assert message in str(raised.value)
    assert not columns["timepoint"] or columns["timepoint"] not in str(raised.value)


def test_a_column_that_the_key_table_lacks_is_told_with_the_nearest() -> None:
    rule = {"attribute": "ClinicalTrialTimePointID", "set": "{timepont}"}
    with pytest.raises(InputError, match=r"LUNGART/LA-001: .* unknown column 'timepont'; did you mean timepoint\?"):
        found(ct_slice(), rule, columns={"timepoint": "T1"})


def test_nothing_of_a_planted_identity_passes_whatever_the_rules_keep() -> None:
    ds = ct_slice()
    ds.SeriesDescription = f"for {PATIENT_NAME.split('^')[1]}"
    ds.ImageComments = "ZZPHI comment"
    rules = (
        {"vr": "LO", "keep": True} | BECAUSE,
        {"vr": "SH", "keep": True} | BECAUSE,
        {"vr": "LT", "keep": True} | BECAUSE,
    )
    content = file_of(made(ds, *rules))
    assert b"ZZPHIson" not in content
    assert b"Zoltan" not in content
    assert b"Ursulina" not in content


def test_a_private_attribute_is_kept_by_its_creator_in_whatever_block() -> None:
    ds = ct_slice()
    ds.add_new(0x00190012, "LO", "SIEMENS MR HEADER")
    ds.add_new(0x0019120C, "IS", "800")
    ds.add_new(0x00191210, "LO", "ZZPHI")
    rule = {"attribute": "(0019,xx0C) SIEMENS MR HEADER", "keep": True} | BECAUSE
    assert [e.tag for e in found(ds) if e.tag.is_private] == []
    assert [(int(e.tag), e.value) for e in found(ds, rule) if e.tag.is_private] == [
        (0x00190012, "SIEMENS MR HEADER"),
        (0x0019120C, 800),
    ]


def test_map_uid_maps_like_every_other_uid_of_the_trial() -> None:
    ds = ct_slice()
    uid = ds.ReferencedImageSequence[0].ReferencedSOPInstanceUID
    pseudonyms = TableOfPseudonyms("LUNGART")
    rule = {"attribute": "ReferencedImageSequence > ReferencedSOPInstanceUID", "map": "uid"}
    staged_uid = TableOfPseudonyms().uid(uid)
    result = found(ds, rule, pseudonyms=pseudonyms)
    assert result.ReferencedImageSequence[0].ReferencedSOPInstanceUID == pseudonyms.uid(staged_uid)


def test_a_sequence_can_be_emptied_or_removed_as_a_whole() -> None:
    empty, remove = ({"attribute": "ReferencedImageSequence", done: True} for done in ("empty", "remove"))
    assert len(found(ct_slice(), empty).ReferencedImageSequence) == 0
    assert "ReferencedImageSequence" not in found(ct_slice(), remove)
