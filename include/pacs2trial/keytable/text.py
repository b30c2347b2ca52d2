"""From the bytes of a CSV file to its records: encoding and delimiter are found out, cells stay text."""

from __future__ import annotations

import codecs
import csv
import io
import re

from pacs2trial.errors import InputError
from pacs2trial.keytable.grid import Grid, Record
from pacs2trial.keytable.row import OPTIONAL, REQUIRED

DELIMITERS = ",;\t|"
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
UTF16 = {"utf-16-le": slice(1, None, 2), "utf-16-be": slice(0, None, 2)}
"""Where the zeros stand in UTF-16 of mostly Latin text."""


def csv_grid(data: bytes, name: str) -> Grid:
    """The table in the bytes of a CSV file. Empty lines count but are left out.

    Raises:
        InputError: it is not text, or damaged.
    """
    table = records(decoded(data, name), name)
    header, *body = table or [[]]
    found = [Record(number, cells) for number, cells in enumerate(body, start=2) if cells]
    return Grid(name, header, found)


def decoded(data: bytes, name: str) -> str:
    """The text of a CSV file: by its byte order mark, else UTF-16 by its zeros, UTF-8, Windows-1252, Latin-1.

    Raises:
        InputError: it is not text, or damaged.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decoded_as(encoding, data, name)
    if b"\0" in data:
        return _decoded_as(_unmarked_utf16(data, name), data, name)
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def records(text: str, name: str) -> list[list[str]]:
    """The records of a CSV text, the header first, cells without spaces around them; an empty line is ``[]``.

    Raises:
        InputError: a quote is not closed or stands inside a cell.
    """
    first, *rest = re.split(r"\r\n|\r|\n", text, maxsplit=1)
    if told := re.fullmatch(r"sep=(.)\s*", first):  # Excel's own way to name the delimiter
        delimiter, text = told.group(1), "".join(rest)
    else:
        delimiter = _delimiter(first)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: list[list[str]] = []
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            found.append(cells if any(cells) else [])
    except csv.Error:
        raise InputError(f"{name}: row {len(found) + 1}: a quote is not closed, or stands inside a cell") from None
    return found


def plain_name(header: str) -> str:
    """A column name as it is compared: ``Patient ID``, ``PatientID`` and ``patient-id`` all mean ``patientid``."""
    return re.sub(r"[\s_-]", "", header).casefold()


def known_name(header: str) -> str:
    """A known column in whatever case it is written; a free column keeps its name."""
    return header.lower() if header.lower() in REQUIRED + OPTIONAL else header


def _delimiter(header: str) -> str:
    """The delimiter under which the header has the required columns, else the one that gives most columns."""

    def fitness(delimiter: str) -> tuple[int, int]:
        names = [plain_name(cell.strip().strip('"')) for cell in header.split(delimiter)]
        return sum(plain_name(required) in names for required in REQUIRED), len(names)

    return max(DELIMITERS, key=fitness)


def _decoded_as(encoding: str, data: bytes, name: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise InputError(f"{name} begins as {encoding} but is damaged: save it as CSV UTF-8 again") from None


def _unmarked_utf16(data: bytes, name: str) -> str:
    """Which UTF-16 has its zeros where these are."""
    for encoding, zeros in UTF16.items():
        half = data[zeros]
        if half.count(0) * 2 > len(half) and data.count(0) - half.count(0) < half.count(0) // 10 + 1:
            return encoding
    raise InputError(f"{name} is not a text file: save the table as CSV UTF-8")
