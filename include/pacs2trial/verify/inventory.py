"""The inventories of a package, compared with what its objects say when pydicom reads them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import UID

from pacs2trial.verify.dicom import DicomObject
from pacs2trial.verify.manifest import Listed, Manifest
from pacs2trial.verify.zipfiles import read_member

CSV, PARQUET = "inventory.csv", "inventory.parquet"

_OWN: Final = {"level", "sop_class", "member", "size", "sha256", "instances"}
_THROUGH_SEQUENCES: Final = {
    "roi_names": ("StructureSetROISequence", "ROIName"),
    "refers_to_series": (
        "ReferencedFrameOfReferenceSequence",
        "RTReferencedStudySequence",
        "RTReferencedSeriesSequence",
        "SeriesInstanceUID",
    ),
    "refers_to_structure_set": ("ReferencedStructureSetSequence", "ReferencedSOPInstanceUID"),
    "refers_to_plan": ("ReferencedRTPlanSequence", "ReferencedSOPInstanceUID"),
}
_SERIES: Final = ("StudyInstanceUID", "SeriesInstanceUID")
_OF_ONE_OBJECT: Final = {"SOPInstanceUID", "member", "sha256"}
_INTEGERS: Final = frozenset(("IS", "US", "SS", "UL", "SL"))
_NUMBERS: Final = frozenset(("DS", "FL", "FD"))
_AS_TEXT: Final = {"PixelSpacing"}


class InventoryCheck:
    """Gathers what the objects of a package say, and compares it with both inventories.

    Args:
        archive: the package.
        manifest: its manifest.
    """

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._archive = archive
        self._listed = {member.name: member for member in manifest.members}
        text = read_member(archive, CSV).decode("utf-8")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        self._names, self._rows = (rows[0], rows[1:]) if rows else ([], [])
        self._said: dict[str, dict[str, str]] = {}

    def take(self, name: str, found: DicomObject) -> None:
        """Note what one member says."""
        listed = self._listed.get(name)
        if listed is not None:
            self._said[name] = {column: _said(column, found, listed) for column in self._names}

    def differences(self) -> Iterator[str]:
        """Where an inventory does not say what the objects do, by line and column."""
        unknown = [one for one in self._names if one not in _OWN | set(_THROUGH_SEQUENCES) and not tag_for_keyword(one)]
        if unknown or not self._names:
            yield f"{CSV}: its columns are not known"
            return
        expected = list(self._expected())
        if len(expected) != len(self._rows):
            yield f"{CSV}: {len(self._rows)} rows where the objects give {len(expected)}"
            return
        for line, (right, row) in enumerate(zip(expected, self._rows, strict=True), 2):
            if len(row) != len(self._names):
                yield f"{CSV}: line {line} has another number of columns"
                continue
            cells = zip(self._names, row, strict=True)
            yield from (f"{CSV}: line {line}, {name}" for name, cell in cells if right[name] != _bare(cell))
        yield from self._parquet()

    def texts(self) -> dict[str, str]:
        """Every text of the inventory, by the first place where it stands, to be searched for identifiers."""
        first: dict[str, str] = {}
        for line, row in enumerate(self._rows, 2):
            for name, cell in zip(self._names, row, strict=False):
                first.setdefault(_bare(cell), f"line {line}, {name}")
        return {place: text for text, place in first.items() if text}

    def _expected(self) -> Iterator[Mapping[str, str]]:
        """The rows as the objects give them: each series, then its objects in the order of their names."""
        series: dict[tuple[str, ...], list[dict[str, str]]] = {}
        for _name, said in sorted(self._said.items()):
            series.setdefault(tuple(said[key] for key in _SERIES), []).append(said)
        for of_series in series.values():
            yield {name: _common(name, [said[name] for said in of_series]) for name in self._names}
            yield from of_series

    def _parquet(self) -> Iterator[str]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(io.BytesIO(read_member(self._archive, PARQUET)))
        except (pa.ArrowException, OSError, ValueError):
            yield f"{PARQUET}: is no Parquet file that can be read"
            return
        if table.column_names != self._names or table.num_rows != len(self._rows):
            yield f"{PARQUET}: its columns or its number of rows are not those of {CSV}"
            return
        for name, column in zip(self._names, table.columns, strict=True):
            place = self._names.index(name)
            told = zip(column.to_pylist(), (row[place] for row in self._rows), strict=True)
            yield from (
                f"{PARQUET}: row {number}, {name} is not as in {CSV}"
                for number, (cell, text) in enumerate(told, 1)
                if _as_csv(cell) != _bare(text)
            )


def _said(column: str, found: DicomObject, listed: Listed) -> str:
    match column:
        case "level":
            return "instance"
        case "instances":
            return "1"
        case "member":
            return listed.name
        case "size":
            return str(listed.size)
        case "sha256":
            return listed.sha256
        case "sop_class":
            sop_class = found.first("SOPClassUID")
            name = UID(sop_class).name
            return "" if name == sop_class else name
    through = _THROUGH_SEQUENCES.get(column)
    if through is not None:
        return "\\".join(found.through(through))
    return _typed(column, found.first(column))


def _typed(column: str, text: str) -> str:
    """A value as the inventory writes it; empty if it is none of the column's type."""
    text = "\\".join(part.strip(" \0") for part in text.split("\\")).strip("\\")
    vr = "UI" if column in _AS_TEXT else dictionary_VR(column)
    try:
        if not text:
            return ""
        if vr in _INTEGERS:
            return str(int(text)) if abs(int(text)) < 1 << 63 else ""
        if vr in _NUMBERS:
            number = float(text)
            return repr(number) if number - number == 0 else ""
        if vr == "DA":
            return date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat() if len(text) == 8 else ""
    except ValueError:
        return ""
    return text


def _common(name: str, values: Sequence[str]) -> str:
    if name == "level":
        return "series"
    if name in ("size", "instances"):
        return str(sum(map(int, values)))
    return values[0] if name not in _OF_ONE_OBJECT and len(set(values)) == 1 else ""


def _bare(cell: str) -> str:
    """A cell without the quote that keeps spreadsheets from calculating it."""
    return cell.removeprefix("'")


def _as_csv(cell: Any) -> str:
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else repr(cell) if isinstance(cell, float) else str(cell)
