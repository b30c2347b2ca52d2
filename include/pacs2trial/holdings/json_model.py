"""A data set in the DICOM JSON model (PS3.18 annex F)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from pacs2trial.holdings.objects import ShownObject

SHORT_BULK: Final = 1024
"""Bytes up to which a binary value stands in the text itself."""

UTF_8: Final = "ISO_IR 192"
BULK: Final = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
"""VRs whose values are bytes."""

_GROUP_OF_META: Final = 0x0002


def json_of(dataset: Dataset) -> dict[str, Any]:
    """Every element of ``dataset``, values inline; group 0002 has no place in it (PS3.18 F.2.1)."""
    found: dict[str, Any] = {}
    for tag in sorted(dataset.keys()):
        if tag.group != _GROUP_OF_META:
            found[f"{tag:08X}"] = _element(dataset, tag)
    if "00080005" in found:
        found["00080005"]["Value"] = [UTF_8]
    return found


def metadata_of(shown: ShownObject, bulk_uri: Callable[[str], str]) -> dict[str, Any]:
    """Everything that an object says, with addresses for its pixel data and other long binary values.

    Args:
        shown: the object.
        bulk_uri: the address of a value by the tag, eight hexadecimal digits, of its element outside of sequences.
    """
    header = shown.described()
    addressed: dict[str, Any] = {}
    for tag in list(header.keys()):
        raw = header.get_item(tag)
        if isinstance(raw, RawDataElement) and raw.VR in BULK and len(raw.value or b"") > SHORT_BULK:
            name = f"{tag:08X}"
            addressed[name] = {"vr": raw.VR, "BulkDataURI": bulk_uri(name)}
            del header[tag]
    if shown.pixel:
        name, vr = f"{shown.pixel_tag:08X}", bytes(memoryview(shown.pixel[0]).cast("B")[4:6]).decode("ascii")
        addressed[name] = {"vr": vr, "BulkDataURI": bulk_uri(name)}
    return dict(sorted((json_of(header) | addressed).items()))


def _element(dataset: Dataset, tag: Any) -> dict[str, Any]:
    try:
        element = dataset[tag]
        if element.VR == "SQ":
            return {"vr": "SQ", "Value": [json_of(item) for item in element.value]}
        found: dict[str, Any] = element.to_json_dict(None, _UNLIMITED)
    except Exception:  # noqa: BLE001 - a value that breaks its VR is told as the text that it is
        return _as_text(dataset, tag)
    return found


def _as_text(dataset: Dataset, tag: Any) -> dict[str, Any]:
    raw = dataset.get_item(tag)
    if isinstance(raw, RawDataElement):
        text = (raw.value or b"").decode("utf-8", "replace")
        return {"vr": raw.VR or "UN", "Value": [part.strip(" \0") or None for part in text.split("\\")]}
    assert isinstance(raw, DataElement)
    values = [raw.value] if raw.VM <= 1 else list(raw.value)
    return {"vr": raw.VR, "Value": [str(value) for value in values]}


_UNLIMITED: Final = 1 << 40
