"""``inventory.csv`` and ``inventory.parquet``: one row for each series and one for each of its instances."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pacs2trial.collect.archive import Member
from pacs2trial.collect.cells import cells
from pacs2trial.collect.columns import COLUMNS, Cell, Column
from pacs2trial.deidentify import Deidentified

if TYPE_CHECKING:
    import pyarrow as pa

CSV: Final = "inventory.csv"
PARQUET: Final = "inventory.parquet"

WRITTEN_BY: Final = b"pacs2trial"
"""In place of the library's name and version, which have no place in a package (promise 6)."""

Row = tuple[Cell, ...]

_PLACE: Final = {column.name: index for index, column in enumerate(COLUMNS)}
_SERIES: Final = _PLACE["SeriesInstanceUID"]
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'")


def row_of(made: Deidentified) -> Row:
    """The row of one object, without what is known only once it is written."""
    known: dict[str, Cell] = {
        "level": "instance",
        "instances": 1,
        "TransferSyntaxUID": made.transfer_syntax,
        "sop_class": class_name(made.sop_class) or None,
    }
    named = cells(made.header) | known
    return tuple(named.get(column.name) for column in COLUMNS)


def with_member(row: Row, member: Member) -> Row:
    """The same with the file that the object became."""
    told: dict[str, Cell] = {"member": member.name, "size": member.size, "sha256": member.sha256}
    return tuple(told.get(column.name, cell) for column, cell in zip(COLUMNS, row, strict=True))


def all_rows(objects: Iterable[Row]) -> list[Row]:
    """For each series a row of what its objects have in common, and after it theirs; ``objects`` ordered by series."""
    found: list[Row] = []
    for _, group in groupby(objects, key=lambda row: row[_SERIES]):
        of_series = list(group)
        found += [_series(of_series), *of_series]
    return found


def csv_bytes(rows: Sequence[Row]) -> bytes:
    """As CSV (RFC 4180, UTF-8); a text that a spreadsheet would calculate has a quote before it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([column.name for column in COLUMNS])
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def parquet_bytes(rows: Sequence[Row]) -> bytes:
    """As Parquet: plain pages without compression, one row group, no statistics; the same bytes for the same rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = zip(*rows, strict=True) if rows else ([] for _ in COLUMNS)
    schema = _schema()
    arrays = [
        pa.array([_typed(column, cell) for cell in several], field.type)
        for column, field, several in zip(COLUMNS, schema, columns, strict=True)
    ]
    file = io.BytesIO()
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=schema),
        file,
        row_group_size=max(len(rows), 1),
        version="2.6",
        data_page_version="1.0",
        use_dictionary=False,
        compression="NONE",
        write_statistics=False,
        store_schema=False,
        write_page_index=False,
    )
    return _without_writer(file.getvalue(), pq.ParquetFile(io.BytesIO(file.getvalue())).metadata.created_by.encode())


@cache
def class_name(sop_class: str) -> str:
    """What PS3.6 calls a SOP class; empty for one that it does not know."""
    from pydicom.uid import UID

    name = UID(sop_class).name
    return "" if name == sop_class else name


def _series(rows: Sequence[Row]) -> Row:
    return tuple(_common(column, values) for column, values in zip(COLUMNS, zip(*rows, strict=True), strict=True))


def _common(column: Column, values: tuple[Cell, ...]) -> Cell:
    if column.name == "level":
        return "series"
    if column.name in ("instances", "size"):
        return sum(each for each in values if isinstance(each, int))
    return values[0] if column.of_series and len(set(values)) == 1 else None


def _plain(cell: Cell) -> str:
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(_FORMULA) else cell
    return "" if cell is None else repr(cell)


def _typed(column: Column, cell: Cell) -> Cell | date:
    return date.fromisoformat(cell) if column.type == "date" and isinstance(cell, str) else cell


def _schema() -> pa.Schema:
    import pyarrow as pa

    types = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "date": pa.date32()}
    return pa.schema([pa.field(column.name, types[column.type]) for column in COLUMNS])


def _without_writer(content: bytes, writer: bytes) -> bytes:
    """Put our name where the footer names the library and its version (Apache Parquet, FileMetaData.created_by).

    The footer is Thrift's compact protocol: a text is its length, in one byte up to 127, and its bytes. Behind it
    stand the footer's length and ``PAR1``.
    """
    size = int.from_bytes(content[-8:-4], "little")
    start = len(content) - 8 - size
    body, footer = content[:start], content[start:-8]
    before, found, behind = footer.rpartition(bytes([len(writer)]) + writer)
    if not found or len(writer) > _LONGEST_SHORT:
        raise ValueError("pyarrow writes another footer than it did; adapt collect/inventory.py")
    footer = before + bytes([len(WRITTEN_BY)]) + WRITTEN_BY + behind
    return body + footer + len(footer).to_bytes(4, "little") + content[-4:]


_LONGEST_SHORT: Final = 127


def lines(rows: Sequence[Row]) -> Iterator[tuple[str, bytes]]:
    """Both files, by name."""
    yield CSV, csv_bytes(rows)
    yield PARQUET, parquet_bytes(rows)
