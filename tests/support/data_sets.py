"""Data sets of any attributes in any depth, made by hypothesis: valid values, private blocks, planted identities."""

from __future__ import annotations

import warnings

from hypothesis import strategies as st
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from support.objects import CT_IMAGE, MARKER, PATIENT_NAME, base

_LEFT_OUT = {0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00080060, 0x00280103, 0x00189445}
_GROUPS_LEFT_OUT = {0x0012, 0x7FE0, 0xFFFA, 0xFFFC, 0xFFFE, 0x0000, 0x0002, 0x0004, 0x0006}
_AMBIGUOUS = {"US or SS": "US", "OB or OW": "OW", "US or OW": "US", "US or SS or OW": "US"}

VR_OF = {
    tag: _AMBIGUOUS.get(vr, vr)
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items()
    if keyword and vr != "NONE" and tag not in _LEFT_OUT and tag >> 16 not in _GROUPS_LEFT_OUT
}
SEQUENCES = sorted(tag for tag, vr in VR_OF.items() if vr == "SQ")
PLAIN = sorted(tag for tag, vr in VR_OF.items() if vr != "SQ")

_PLANTED = ["ZZPHIson", "for ZZPHIson", "seen by Ursulina", "ID 4711-ZZPHI", "mail to ZZPHIdoc", "Mary-Jane's"]
_TEXT = st.sampled_from(["Lung", "Thorax 5 mm", "", *_PLANTED])
_UIDS = st.sampled_from(
    [
        "1.2.826.0.1.3680043.10.999.1",
        "1.2.826.0.1.3680043.10.999.7.8",
        "1.2.840.10008.1.4.3.1",
        "1.2.840.10008.5.1.4.1.1.2",
    ]
)
_NUMBER = st.integers(1, 60000)
VALUES = {
    "AE": st.sampled_from(["ZZPHIson", "AE1"]),
    "AS": st.sampled_from(["057Y", "003M"]),
    "AT": st.sampled_from([0x00181063, 0x00100010]),
    "CS": st.sampled_from(["AXIAL", "NOT_SET", "A 1"]),
    "DA": st.sampled_from(["20190312", "19610407"]),
    "DS": st.sampled_from(["1.5", "-2.25E2", "120"]),
    "DT": st.sampled_from(["20190312101500.5+0100", "2019", "19610407"]),
    "FD": st.floats(-1000, 1000, width=32),
    "FL": st.floats(-1000, 1000, width=32),
    "IS": st.integers(1, 9999).map(str),
    "LO": _TEXT,
    "LT": _TEXT,
    "OB": st.binary(min_size=2, max_size=2),
    "OD": st.binary(min_size=8, max_size=8),
    "OF": st.binary(min_size=4, max_size=4),
    "OL": st.binary(min_size=4, max_size=4),
    "OV": st.binary(min_size=8, max_size=8),
    "OW": st.binary(min_size=2, max_size=2),
    "PN": st.sampled_from([PATIENT_NAME, "ZZPHIdoc^Ursulina", "ZZPHI^Wang=ZZPHI=ZZPHI"]),
    "SH": st.sampled_from(["Lung", "ZZPHIson", ""]),
    "SL": st.integers(-1000, 1000),
    "SS": st.integers(-1000, 1000),
    "ST": _TEXT,
    "SV": st.integers(-1000, 1000),
    "TM": st.sampled_from(["101500", "101500.25"]),
    "UC": _TEXT,
    "UI": _UIDS,
    "UL": _NUMBER,
    "UN": st.binary(min_size=2, max_size=2),
    "UR": st.just("http://ZZPHI/1"),
    "US": _NUMBER,
    "UT": _TEXT,
    "UV": _NUMBER,
}
_GROUP = st.sampled_from([0x0009, 0x0019, 0x0029, 0x3253])


@st.composite
def contents(draw: st.DrawFn, *, depth: int = 3, size: int = 12) -> Dataset:
    """Any attributes, private ones, and items of sequences down to ``depth``."""
    ds = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tag in draw(st.lists(st.sampled_from(PLAIN), max_size=size, unique=True)):
            ds.add_new(tag, VR_OF[tag], draw(VALUES[VR_OF[tag]]))
        if depth:
            for tag in draw(st.lists(st.sampled_from(SEQUENCES), max_size=3, unique=True)):
                ds.add_new(tag, "SQ", draw(_items(depth)))
                ds[tag].is_undefined_length = draw(st.booleans())
        if draw(st.booleans()):
            _add_private(ds, draw, depth)
    return ds


@st.composite
def _items(draw: st.DrawFn, depth: int) -> Sequence:
    items = draw(st.lists(contents(depth=depth - 1, size=5), max_size=2))
    for item in items:
        item.is_undefined_length_sequence_item = draw(st.booleans())
    return Sequence(items)


def _add_private(ds: Dataset, draw: st.DrawFn, depth: int) -> None:
    group, block = draw(_GROUP) << 16, draw(st.sampled_from([0x10, 0x11, 0xFE]))
    ds.add_new(group + block, "LO", draw(st.sampled_from(["ACME 1.0", "SIEMENS MR HEADER", ""])))
    ds.add_new(group + (block << 8) + 0x01, "LO", MARKER)
    ds.add_new(group + (block << 8) + 0x02, "UI", "1.2.826.0.1.3680043.10.999.1")
    if depth:
        ds.add_new(group + (block << 8) + 0x03, "SQ", draw(_items(depth)))
        ds[group + (block << 8) + 0x03].is_undefined_length = draw(st.booleans())


@st.composite
def objects(draw: st.DrawFn) -> Dataset:
    """A CT image without pixels that holds them."""
    ds = base(CT_IMAGE, "1.2.826.0.1.3680043.10.999.1.1.1", modality="CT")
    ds.PatientID = "4711-ZZPHI"
    ds.update(draw(contents()))
    ds.SOPClassUID = UID(CT_IMAGE)
    return ds
