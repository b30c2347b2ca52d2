"""What can be wrong with one cell of a key table. Findings never repeat the cell."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST_ID = 64
"""Characters of a patient ID (LO, PS3.5 6.2)."""

LONGEST_ACCESSION = 16
"""Characters of an accession number (SH, PS3.5 6.2)."""

LONGEST_KEY = 64

WILDCARDS = "*?"
"""They match anything in a C-FIND (PS3.4 C.2.2.2.4): with one in an ID the PACS would answer with other patients."""

NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?%?")
SAFE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?<!\.)")
RESERVED_NAMES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))}

SCIENTIFIC = re.compile(r"\d([.,]\d+)?[eE]\+\d+")
DECIMAL = re.compile(r"\d+[.,]0+")
ERROR_CELL = re.compile(r"##+|#(REF|VALUE|NAME|NUM|DIV/0|NULL)[!?]|#N/A")
MONTH = (
    "(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|"
    "dec(ember)?|mrz|mär|mai|okt|dez|janv|févr|mars|avr|juin|juil|août|déc)"
)
DAY = r"(0?[1-9]|[12]\d|3[01])"
TIME = r"([ T]\d{1,2}:\d{2}(:\d{2})?)?"
DATES = (
    re.compile(rf"({DAY}[-. /]{{1,2}})?{MONTH}[-. /]{{1,2}}\d{{2,4}}", re.IGNORECASE),
    re.compile(rf"{DAY}[-. /]{{1,2}}{MONTH}\.?", re.IGNORECASE),
    re.compile(rf"{DAY}[/.]{DAY}[/.]\d{{2,4}}{TIME}"),
    re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}{TIME}"),
)
"""How spreadsheets show what they took for a date."""


def id_faults(cell: str, longest: int, *, as_is: bool = False) -> Iterator[str]:
    """What is wrong with a patient ID or an accession number.

    Args:
        cell: the text.
        longest: how many characters DICOM allows.
        as_is: a person says that it is meant as it stands, although it looks like a spreadsheet's work.
    """
    if any(sign in cell for sign in WILDCARDS):
        yield "* and ? are wildcards in a query: write the real ID"
    if "\\" in cell:
        yield "a backslash separates values in DICOM: write one ID"
    if has_odd_signs(cell):
        yield "it holds control characters or unusual spaces: type the ID anew"
    if len(cell) > longest:
        yield f"it is longer than the {longest} characters that DICOM allows"
    if cell.startswith(("=", "+", "-", "@")):
        yield "it begins like a formula (= + - @): write the ID itself, and format the column as text"
    if ERROR_CELL.fullmatch(cell):
        yield "it is an error value of a spreadsheet: export again"
    if not as_is:
        yield from (f"{fault}: export again with the column formatted as text" for fault in _conversions(cell))


def _conversions(cell: str) -> Iterator[str]:
    if SCIENTIFIC.fullmatch(cell):
        yield "a spreadsheet turned the ID into scientific notation"
    if DECIMAL.fullmatch(cell):
        yield "a spreadsheet turned the ID into a decimal number"
    if any(form.fullmatch(cell) for form in DATES):
        yield "a spreadsheet turned the ID into a date"


def free_cell_faults(cell: str) -> Iterator[str]:
    """What is wrong with a cell of a free column; numbers may have a sign."""
    if cell.startswith(("=", "@")) or (cell.startswith(("+", "-")) and len(cell) > 1 and not NUMBER.fullmatch(cell)):
        yield "it begins like a formula (= + - @): write the value itself"
    if has_odd_signs(cell.replace("\n", "").replace("\r", "")):
        yield "it holds control characters or unusual spaces: type the value anew"
    if ERROR_CELL.fullmatch(cell):
        yield "it is an error value of a spreadsheet: export again"


def key_faults(cell: str) -> Iterator[str]:
    """Why a subject key cannot name a file on every system, or a patient in DICOM."""
    if not SAFE_KEY.fullmatch(cell) or cell.split(".")[0].upper() in RESERVED_NAMES:
        yield "it cannot name a file everywhere: use letters, digits, - and _"
    if len(cell) > LONGEST_KEY:
        yield f"it is longer than the {LONGEST_KEY} characters that DICOM allows for a patient ID"


def has_odd_signs(cell: str) -> bool:
    """Whether a cell holds control characters, or spaces that are not the plain one."""
    return any(not sign.isprintable() for sign in cell)


def near(cell: str) -> str:
    """What IDs have in common that a person would take for the same: case, spaces and leading zeros are left out."""
    bare = re.sub(r"\s", "", cell).casefold()
    return bare.lstrip("0") or bare[-1:]
