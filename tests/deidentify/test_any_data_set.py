"""Data sets of any attributes: what the Basic Profile says of each is done, and nothing planted is left."""

from __future__ import annotations

import io
import warnings

import pydicom
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from pacs2trial.dicomfile.syntaxes import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from support.data_sets import objects
from support.expectations import mistakes
from support.objects import MARKER, TableOfPseudonyms, ct_slice, encoded
from support.stages import as_encoded, both_stages, file_of, reread, stage1, stage2

OPTIONS = ("clean_descriptors", "retain_modified_dates", "retain_device_identity", "retain_patient_characteristics")
SEARCHED = (MARKER, "Zoltan", "Ursulina", "4711", "Mary-Jane")
THOROUGH = settings(
    deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=[Phase.explicit, Phase.generate]
)
"""Without shrinking, which takes minutes: the failing assertion names attribute and fault."""

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def leaks(data: bytes) -> list[bytes]:
    """What stands around each planted value that was left."""
    lower = data.lower()
    places = ((lower.find(value.lower().encode()), value) for value in SEARCHED)
    return [data[max(0, place - 20) : place + 20] for place, _ in places if place >= 0]


def in_syntax(ds: Dataset, *, implicit: bool) -> tuple[bytes, str]:
    return encoded(ds, implicit=implicit), IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE


def with_a_statement_in_an_item() -> Dataset:
    item = Dataset()
    item.ConversionType = "DV"
    item.LongitudinalTemporalInformationModified = "UNMODIFIED"
    ds = ct_slice()
    ds.PatientOrientationCodeSequence = [item]
    return ds


def with_a_plan_text_of_safe_words() -> Dataset:
    ds = ct_slice()
    ds.TreatmentTerminationDescription = "Thorax 5 mm"
    return ds


def with_values_that_only_look_changed_or_kept() -> Dataset:
    """A table of words that may be US or OW; a binary name that is its own dummy."""
    ds = ct_slice()
    ds.add_new("GrayLookupTableData", "US", [1201, 3])
    ds.add_new("SourceIdentifier", "OB", b"\0\0")
    return ds


@settings(THOROUGH, max_examples=120)
@given(objects(), st.booleans())
@example(with_a_statement_in_an_item(), False)
@example(with_a_plan_text_of_safe_words(), False)
@example(with_values_that_only_look_changed_or_kept(), False)
def test_the_basic_profile_is_carried_out(ds: Dataset, implicit: bool) -> None:
    data, syntax = in_syntax(ds, implicit=implicit)
    table = TableOfPseudonyms("LUNGART")
    made = stage2(as_encoded(data, syntax), pseudonyms=table)
    before = pydicom.dcmread(io.BytesIO(encoded(ds)), force=True)
    assert list(mistakes(before, reread(made), table.uid)) == []


@settings(THOROUGH, max_examples=80)
@given(objects(), st.booleans())
def test_nothing_planted_is_left_by_any_stage(ds: Dataset, implicit: bool) -> None:
    data, syntax = in_syntax(ds, implicit=implicit)
    obj = as_encoded(data, syntax)
    for made in (stage1(obj), both_stages(obj), both_stages(obj, *OPTIONS)):
        assert leaks(file_of(made)) == []


@settings(THOROUGH, max_examples=80)
@given(objects())
def test_every_encoding_gives_the_same_bytes(ds: Dataset) -> None:
    files = [file_of(stage1(as_encoded(*in_syntax(ds, implicit=implicit)))) for implicit in (False, True)]
    assert files[0] == files[1]


@settings(THOROUGH, max_examples=60)
@given(objects())
def test_staging_twice_changes_no_structure(ds: Dataset) -> None:
    """What the engine writes is a data set that it, and pydicom, read as it was meant."""
    made = stage1(ds)
    found = reread(made)
    plain = Dataset()
    plain.update(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert encoded(plain) == made.header
