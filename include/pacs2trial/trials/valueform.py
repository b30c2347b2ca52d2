"""What a value of each VR looks like (PS3.5 6.2), for values that a trial itself writes."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from datetime import date
from typing import Final

from pacs2trial.trials.latin import in_latin

LONGEST: Final[Mapping[str, int]] = {
    **dict.fromkeys(("AE", "CS", "DS", "SH"), 16),
    **dict.fromkeys(("LO", "PN"), 64),
    **dict.fromkeys(("UC", "UT"), 65534),
    "IS": 12,
    "LT": 10240,
    "ST": 1024,
}
"""Characters of one value; what has no limit of its own is limited to what a length of 16 bits can say."""

NUMBERS: Final[Mapping[str, str]] = {
    vr: f"<{code}" for vr, code in zip(("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"), "dfihqIHQ", strict=True)
}
"""VRs of binary numbers, as :mod:`struct` writes them."""

SETTABLE: Final = frozenset((*LONGEST, *NUMBERS, "AS", "DA", "DT", "TM"))
"""VRs whose values a definition can write out. UIDs are not: they hold objects together."""

_LINES: Final = frozenset(("LT", "ST", "UT"))
_DAY: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_FORMS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "AS": (re.compile(r"\d{3}[DWMY]"), "an age as 3 digits and D, W, M or Y, such as 057Y"),
    "CS": (re.compile(r"[A-Z0-9 _]+"), "capital letters, digits, spaces and _"),
    "DS": (re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"), "a number such as 1.75"),
    "DT": (
        re.compile(r"\d{4}(\d\d(\d\d([01]\d|2[0-3])?([0-5]\d)?([0-5]\d)?(\.\d{1,6})?)?)?([+-](0\d|1[0-4])[0-5]\d)?"),
        "day and time as YYYYMMDDHHMMSS",
    ),
    "IS": (re.compile(r"[+-]?\d+"), "a whole number"),
    "TM": (re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?"), "a time as HHMMSS"),
}


def encoded_value(vr: str, text: str) -> bytes:
    """``text`` as a value of ``vr``, without padding.

    Letters lose their marks, so that the value does not depend on the character set of an object.

    Raises:
        ValueError: it has not the form of the VR, is too long, or cannot be written; the message says what to write
            and repeats nothing of the text, which may come from a key table.
    """
    if vr not in SETTABLE:
        raise ValueError(f"a value of VR {vr} cannot be written out")
    if vr in NUMBERS:
        return _number(vr, text)
    plain = in_latin(text)
    if plain is None:
        raise ValueError("it has letters that not every character set can hold: write it in Latin letters")
    plain = plain.strip(" ")
    _require_signs(vr, plain)
    _require_form(vr, plain)
    longest = LONGEST.get(vr)
    if longest is not None and len(plain) > longest:
        raise ValueError(f"it has {len(plain)} characters, VR {vr} takes at most {longest}")
    return plain.encode("ascii")


def _require_signs(vr: str, text: str) -> None:
    if "\\" in text and vr not in _LINES:
        raise ValueError("a backslash separates values in DICOM: write one value without it")
    control = {sign for sign in text if ord(sign) < 32 or ord(sign) == 127}
    if control - ({"\n", "\r", "\t"} if vr in _LINES else set()):
        raise ValueError(f"it holds line breaks or control characters, which VR {vr} does not take")


def _require_form(vr: str, text: str) -> None:
    if vr == "DA":
        _require_day(text)
    elif vr in _FORMS:
        form, words = _FORMS[vr]
        if not form.fullmatch(text):
            raise ValueError(f"VR {vr} takes {words}")


def _require_day(text: str) -> None:
    digits = _DAY.fullmatch(text)
    if digits is None:
        raise ValueError("VR DA takes a day as YYYYMMDD, such as 20240131")
    try:
        date(int(digits[1]), int(digits[2]), int(digits[3]))
    except ValueError:
        raise ValueError("there is no such day; VR DA takes a day as YYYYMMDD, such as 20240131") from None


def _number(vr: str, text: str) -> bytes:
    whole = vr not in ("FD", "FL")
    try:
        return struct.pack(NUMBERS[vr], int(text) if whole else float(text))
    except (ValueError, OverflowError, struct.error):
        raise ValueError(f"VR {vr} takes {'a whole number in its range' if whole else 'a number'}") from None
