"""One date in every notation that people write: what is looked for is the birth date."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Final

_MONTHS: Final = (
    "jan(?:uary|uar|vier|uari|eiro)?|ene(?:ro)?|genn?(?:aio)?",
    "feb(?:ruary|ruar|ruari|brero|braio)?|fev(?:rier|ereiro)?",
    "mar(?:ch|s|zo|co)?|mrz|maerz|marz|maart|mrt",
    "apr(?:il|ile)?|avr(?:il)?|abr(?:il)?",
    "may|mai|mei|mayo|mag(?:gio)?|maio",
    "june?|juni|juin|junio|giu(?:gno)?|junho",
    "july?|juli|juil(?:let)?|julio|lug(?:lio)?|julho",
    "aug(?:ust|ustus)?|aout|ago(?:sto)?",
    "sept?(?:ember|embre|tembre|iembre)?|set(?:embro|tembre)?",
    "oct(?:ober|obre|ubre)?|okt(?:ober)?|ott(?:obre)?|out(?:ubro)?",
    "nov(?:ember|embre|iembre|embro)?",
    "dec(?:ember|embre)?|dez(?:ember|embro)?|dic(?:iembre|embre)?",
)
"""Months in English, German, French, Dutch, Spanish, Italian and Portuguese, folded; their usual short forms."""

_BETWEEN: Final = r"[\s./_,:-]{0,3}"
_ORDINAL: Final = r"(?:st|nd|rd|th|er|\.)?"


@lru_cache(maxsize=256)
def notations(day: date) -> re.Pattern[str]:
    """Matches ``day`` in folded text: any order, separator or none, two or four digits of the year, month by name.

    Digits beside it make it another number.
    """
    return re.compile("|".join(_alternatives(day)))


def _alternatives(day: date) -> Iterator[str]:
    year = rf"(?:{day:%Y}|(?<!\d){day:%y})"
    last_year = rf"(?:{day:%Y}|'?{day:%y})"
    number, month = f"0?{day.day}", f"0?{day.month}"
    name = rf"(?:{_MONTHS[day.month - 1]})"
    mark = r"\s?[-./_ ,:]\s?"
    yield rf"(?<!\d){day:%Y%m%d}(?!\d)"
    yield rf"(?<!\d)(?:{day:%d%m%Y}|{day:%m%d%Y})(?!\d)"
    yield rf"(?<!\d)(?:{day:%y%m%d}|{day:%d%m%y})(?!\d)"
    yield rf"(?<!\d){year}{mark}{month}{mark}{number}(?!\d)"
    yield rf"(?<!\d)(?:{number}{mark}{month}|{month}{mark}{number}){mark}{last_year}(?!\d)"
    yield rf"(?<!\d){number}{_ORDINAL}{_BETWEEN}{name}{_BETWEEN}{last_year}(?!\d)"
    yield rf"(?<![a-z]){name}{_BETWEEN}{number}{_ORDINAL}{_BETWEEN}{last_year}(?!\d)"
    yield rf"(?<!\d){day:%Y}{_BETWEEN}{name}{_BETWEEN}{number}(?!\d)"
    yield rf"(?<!\d){number}{_ORDINAL}\s(?:de\s|di\s){name}\s(?:de\s|del\s)?{last_year}(?!\d)"
