"""Presentation states: annotations are removed, or cleaned of words that could name somebody."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.profile import staging_plan, trial_plan
from support.definitions import trial
from support.objects import CT_IMAGE, MARKER, PLANTED, SERIES_UID, TableOfPseudonyms, base, ct_slice, part10
from support.programs import need
from support.stages import file_of, reread, stage1, stage2

GRAYSCALE_PRESENTATION_STATE = UID("1.2.840.10008.5.1.4.1.1.11.1")

OPTIONS = ((), ("clean_graphics",), ("retain_modified_dates",), ("retain_modified_dates", "clean_graphics"))


def reference(number: int) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID, ds.ReferencedSOPInstanceUID = CT_IMAGE, UID(f"{SERIES_UID}.{number}")
    return ds


def presentation_state(*texts: str) -> Dataset:
    """A presentation state with one layer, text and a drawn line, valid as such."""
    ds = base(GRAYSCALE_PRESENTATION_STATE, f"{SERIES_UID}.800", modality="PR")
    del ds.FrameOfReferenceUID
    ds.InstanceNumber, ds.ContentLabel, ds.ContentDescription = 1, "MARKS", f"{MARKER} marks"
    ds.PresentationCreationDate, ds.PresentationCreationTime = "20190312", "101500"
    ds.ContentCreatorName = f"{MARKER}^Drawer"
    series = Dataset()
    series.SeriesInstanceUID = SERIES_UID
    series.ReferencedImageSequence = Sequence([reference(1), reference(2)])
    ds.ReferencedSeriesSequence = Sequence([series])
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = [1, 1], [4, 4]
    area.PresentationSizeMode, area.PresentationPixelAspectRatio = "SCALE TO FIT", [1, 1]
    ds.DisplayedAreaSelectionSequence = Sequence([area])
    layer = Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder = "MARKS", 1
    layer.GraphicLayerDescription = f"Thorax {MARKER}"
    ds.GraphicLayerSequence = Sequence([layer])
    ds.PresentationLUTShape = "IDENTITY"
    ds.GraphicAnnotationSequence = Sequence([annotation(texts)])
    return ds


def annotation(texts: tuple[str, ...]) -> Dataset:
    ds = Dataset()
    ds.GraphicLayer = "MARKS"
    ds.ReferencedImageSequence = Sequence([reference(1)])
    objects = Sequence()
    for text in texts:
        one = Dataset()
        one.AnchorPointAnnotationUnits, one.AnchorPoint, one.AnchorPointVisibility = "PIXEL", [1.5, 2.5], "N"
        one.UnformattedTextValue = text
        objects.append(one)
    ds.TextObjectSequence = objects
    line = Dataset()
    line.GraphicAnnotationUnits, line.GraphicDimensions, line.NumberOfGraphicPoints = "PIXEL", 2, 2
    line.GraphicData, line.GraphicType, line.GraphicFilled = [1.0, 1.0, 3.5, 3.5], "POLYLINE", "N"
    ds.GraphicObjectSequence = Sequence([line])
    compound = Dataset()
    compound.CompoundGraphicInstanceID, compound.CompoundGraphicUnits = 1, "PIXEL"
    compound.GraphicDimensions, compound.NumberOfGraphicPoints = 2, 2
    compound.GraphicData, compound.CompoundGraphicType, compound.GraphicFilled = [1.0, 1.0, 2.0, 2.0], "ARROW", "N"
    ds.CompoundGraphicSequence = Sequence([compound])
    return ds


def leaks(data: bytes) -> list[str]:
    return [planted for planted in PLANTED if planted.lower().encode() in data.lower()]


def test_with_the_option_drawings_and_safe_words_stay() -> None:
    staging, trial_uids = TableOfPseudonyms(), TableOfPseudonyms("LUNGART")
    first = stage1(presentation_state("Lung 12.5 mm", f"{MARKER}son tumour", f"{MARKER}"), pseudonyms=staging)
    assert leaks(file_of(first)) == []
    last = stage2(split_file(file_of(first)), "clean_graphics", pseudonyms=trial_uids)
    assert leaks(file_of(last)) == []
    found = reread(last)
    (kept,) = found.GraphicAnnotationSequence
    assert kept.TextObjectSequence[0].UnformattedTextValue == "Lung 12.5 mm"
    assert all(one.UnformattedTextValue for one in kept.TextObjectSequence)
    assert kept.GraphicObjectSequence[0].GraphicData == [1.0, 1.0, 3.5, 3.5]
    assert kept.CompoundGraphicSequence[0].CompoundGraphicType == "ARROW"
    expected = trial_uids.uid(staging.uid(f"{SERIES_UID}.1"))
    assert kept.ReferencedImageSequence[0].ReferencedSOPInstanceUID == expected
    assert found.GraphicLayerSequence[0].GraphicLayerDescription == "Thorax"


def test_words_that_are_not_known_to_be_safe_go_in_a_trial() -> None:
    made = reread(stage2(presentation_state("Lung Kowalski 12.5 mm", "Kowalski"), "clean_graphics"))
    texts = [one.UnformattedTextValue for one in made.GraphicAnnotationSequence[0].TextObjectSequence]
    assert texts == ["Lung 12.5 mm", "REMOVED"]


def test_without_the_option_annotations_go_and_the_rest_stays() -> None:
    found = reread(stage2(presentation_state("Lung"), "clean_descriptors"))
    assert "GraphicAnnotationSequence" not in found
    assert len(found.ReferencedSeriesSequence[0].ReferencedImageSequence) == 2
    assert found.PresentationLUTShape == "IDENTITY"


def test_the_method_code_says_so() -> None:
    assert "113103" in trial_plan(trial("clean_graphics")).codes
    assert "113103" not in trial_plan(trial("clean_descriptors")).codes


@pytest.mark.parametrize("options", [(), ("clean_graphics",)], ids=["basic", "clean"])
@pytest.mark.parametrize("group", [0x6000, 0x601E, 0x5000, 0x501E])
def test_overlay_planes_and_curves_go_with_and_without_the_option(group: int, options: tuple[str, ...]) -> None:
    """A plane of bits can spell a name, whatever it says of itself."""
    ds = ct_slice()
    ds.add_new(group << 16 | 0x0040, "CS", "R")
    ds.add_new(group << 16 | 0x1500, "LO", MARKER)
    ds.add_new(group << 16 | 0x3000, "OW", MARKER.encode() + b" ")
    for made in (stage1(ds), stage2(ds, *options)):
        assert leaks(file_of(made)) == []
        assert not [element for element in reread(made) if element.tag.group == group]
    assert not [tag for tag in staging_plan().rules if tag >> 24 in (0x50, 0x60)]


def test_presentation_states_are_as_valid_as_before(tmp_path: Path) -> None:
    data = part10(presentation_state("Lung 12.5 mm", f"{MARKER}"))
    path = tmp_path / "x.dcm"
    path.write_bytes(data)
    before = errors(path)
    first = stage1(split_file(data))
    for made in (first, *(stage2(split_file(file_of(first)), *options) for options in OPTIONS)):
        path.write_bytes(file_of(made))
        assert errors(path) - before == set()


def test_the_day_of_creation_becomes_a_dummy_since_the_iod_asks_for_it() -> None:
    found = reread(stage2(presentation_state("Lung")))
    assert (found.PresentationCreationDate, found.PresentationCreationTime) == ("19000101", "000000")
    image = ct_slice()
    image.PresentationCreationDate = "20190312"
    assert "PresentationCreationDate" not in reread(stage2(image))


def errors(path: Path) -> set[str]:
    """What dciodvfy says is wrong, UIDs left out."""
    shown = subprocess.run([need("dciodvfy"), str(path)], capture_output=True, text=True, errors="replace", check=False)
    lines = (shown.stdout + shown.stderr).splitlines()
    return {re.sub(r"(?<=UID )[\d.]+", "UID", line) for line in lines if line.startswith("Error")}
