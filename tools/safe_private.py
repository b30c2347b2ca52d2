"""Bring ``safe_private.csv`` of the profile to an edition of PS3.15 Table E.3.10-1.

    cd include/pacs2trial/profile/data
    python ../../../../tools/safe_private.py table.csv 2025b safe_private.csv > new.csv && mv new.csv safe_private.csv

``table.csv`` is the table as it is printed, with the columns Data Element, Private Creator, VR, VM and Meaning. A row
that the former file has with the same VR and VM keeps the edition in which it was seen first. A row that the table has
no more is left out: nobody vouches for it any longer.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_ELEMENT = re.compile(r"\(([0-9A-F]{3}[13579BDF]),XX([0-9A-F]{2})\)")
_COLUMNS = ("group", "creator", "low_byte", "vr", "vm", "edition", "meaning")

Row = Mapping[str, str]


def rows_of(table: Iterable[Row], edition: str, former: Iterable[Row]) -> Iterator[dict[str, str]]:
    """The rows of the file, by group, creator and element.

    Raises:
        ValueError: an element is not written as ``(gggg,xxee)`` with an odd group, or stands twice.
    """
    seen = {_identity(row): row for row in former}
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for line in table:
        element = _ELEMENT.fullmatch(line["Data Element"].strip().upper())
        if element is None:
            raise ValueError(f"{line['Data Element']} is no private element (gggg,xxee)")
        group, low_byte = element.groups()
        row = {"group": group, "creator": line["Private Creator"].strip(), "low_byte": low_byte}
        row |= {"vr": line["VR"].strip(), "vm": line["VM"].strip(), "edition": edition}
        row["meaning"] = " ".join(line["Meaning"].split())
        before = seen.get(_identity(row))
        if before is not None and (before["vr"], before["vm"]) == (row["vr"], row["vm"]):
            row |= {"edition": before["edition"], "meaning": before["meaning"]}
        if _identity(row) in found:
            raise ValueError(f"{line['Data Element']} {row['creator']} stands twice")
        found[_identity(row)] = row
    return (found[key] for key in sorted(found))


def _identity(row: Row) -> tuple[str, str, str]:
    return row["group"], row["creator"], row["low_byte"]


def main(table: Path, edition: str, former: Path) -> str:
    """The file's text: the comment of the former one, and the rows."""
    lines = former.read_text("utf-8").splitlines(keepends=True)
    comment = [line for line in lines if line.startswith("#")]
    before = csv.DictReader(line for line in lines if not line.startswith("#"))
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows_of(csv.DictReader(table.read_text("utf-8-sig").splitlines()), edition, before))
    return "".join(comment) + text.getvalue()


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
