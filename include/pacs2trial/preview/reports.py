"""What an object says in words: structured reports and key object notes (PS3.3 C.17.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydicom.dataset import Dataset

MOST_LINES: Final = 5000
_DEEPEST: Final = 30


def report_text(dataset: Dataset) -> str:
    """The content tree of a structured report, one item a line, indented by its depth; empty without a content tree."""
    if not dataset.get("ContentSequence"):
        return ""
    lines: list[str] = []
    for line in _lines(dataset, 0):
        if len(lines) == MOST_LINES:
            lines.append("… and further items")
            break
        lines.append(line)
    return "\n".join(lines)


def _lines(item: Dataset, depth: int) -> Iterator[str]:
    name, value = _meaning(item.get("ConceptNameCodeSequence")), _value(item)
    if name or value:
        yield "    " * depth + (f"{name}: {value}" if name and value else name or value)
    if depth < _DEEPEST:
        for below in item.get("ContentSequence") or ():
            yield from _lines(below, depth + 1)


def _value(item: Dataset) -> str:
    for keyword in ("TextValue", "DateTime", "Date", "Time", "PersonName", "UID"):
        if item.get(keyword):
            return str(item[keyword].value)
    if item.get("ConceptCodeSequence"):
        return _meaning(item.ConceptCodeSequence)
    for measured in item.get("MeasuredValueSequence") or ():
        unit = _meaning(measured.get("MeasurementUnitsCodeSequence"))
        return f"{measured.get('NumericValue')} {unit}".strip()
    for referenced in item.get("ReferencedSOPSequence") or ():
        return f"object {referenced.get('ReferencedSOPInstanceUID') or ''}"
    return ""


def _meaning(codes: Any) -> str:
    for code in codes or ():
        return str(code.get("CodeMeaning") or code.get("CodeValue") or "")
    return ""
