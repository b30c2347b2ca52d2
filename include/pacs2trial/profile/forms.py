"""What identifies by its form, whatever its words are: dates, UIDs, telephones, addresses, names behind titles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_NAME: Final = r"[^\W\d_][\w'\u2019-]*"
_YEAR: Final = r"(?:1[89]|20)\d\d"
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_ORDINAL: Final = r"(?:st|nd|rd|th|\.)?"
_BETWEEN: Final = r"[-\s,./_']{0,2}"
_MONTH: Final = (
    r"(?:jan|feb|fev|mar|mrz|maer|apr|avr|abr|may|mai|mei|jun|juin|jul|juil|aug|aout|ago|sep|set|oct|okt|out|ott|nov|dec"
    r"|dez|dic)[a-z\u00e4\u00e9\u00fb]{0,7}\.?"
)
_DATES: Final = (
    rf"(?<!\d){_YEAR}[-./_ ](?:0?[1-9]|1[0-2])[-./_ ]{_DAY}(?!\d)",
    rf"(?<!\d){_DAY}\s?[-./_]\s?{_DAY}\s?[-./_]\s?(?:{_YEAR}|\d\d)(?!\d)",
    rf"(?<!\d){_DAY} (?:0?[1-9]|1[0-2]) {_YEAR}(?!\d)",
    rf"(?<![^\W_])(?:\d\d?{_ORDINAL}{_BETWEEN})?{_MONTH}{_BETWEEN}(?:\d\d?{_ORDINAL}[-\s,./_]{{1,2}})?(?:{_YEAR}|'\d\d)(?!\d)",
    rf"(?<!\d){_DAY}{_ORDINAL}{_BETWEEN}{_MONTH}(?:{_BETWEEN}\d\d)?(?![^\W_])",
)
_UID: Final = r"(?<![\d.])\d+(?:\.\d+){3,}(?![\d.])"
_LONG_NUMBER: Final = r"\d{6,}"
_PHONES: Final = (
    r"(?:\+|(?<!\d)00?)\d{1,5}(?:[\s()/.-]{1,3}\d{2,8}){1,5}",
    r"(?<![\d.,])\d{3}[\s./-]\d{4}(?![\d.,])",
    r"(?<![\d.,])\(?\d{3,4}\)?[\s./-]\d{3}[\s./-]\d{3,4}(?![\d.,])",
)
_ANNOUNCES_NUMBER: Final = (
    r"(?:tel|telefon|telephone|phone|fax|ext|extension|mobile|handy|bleep|pager|mrn|id|pid|patid|pat\.?\s?(?:id|no|nr)"
    r"|patient\s?(?:id|no|nr|number)|acc|accession|nhs|ssn|hosp|hospital|case|room|rm|raum|zimmer|salle|chambre|kamer"
    r"|habitacion|sala|ward|station|dob|born|geb|geboren|nee|age|alter)"
)
_NUMBERED: Final = (
    rf"(?<![^\W_]){_ANNOUNCES_NUMBER}(?![^\W_])[\s.:#=_-]{{0,3}}(?:no|nr|number)?[\s.:#=_-]{{0,3}}"
    r"(?=[A-Z0-9-]*\d)[A-Z]{0,3}[-_]?\d[\w-]*"
)
_STREET_WORDS: Final = r"(?:street|st|road|rd|avenue|ave|lane|drive|close|crescent|terrace|boulevard|blvd)(?![^\W_])\.?"
_ADDRESSES: Final = (
    rf"(?<!\d)\d{{1,4}}[a-z]?,?\s+(?:{_NAME}\.?\s+){{1,3}}{_STREET_WORDS}",
    r"[^\W\d_][\w-]*(?:stra(?:ss|\u00df)e|str\.|weg|platz|gasse|allee|straat|laan)\s*\d{1,4}\s?[a-z]?(?![^\W_])",
    rf"(?<![^\W_])(?:rue|via|viale|calle|avenida|rua)\s+(?:{_NAME}\s+){{1,4}}\d{{1,4}}",
    r"(?<![^\W_])[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}(?![^\W_])",
)
_TITLES: Final = (
    r"(?:[DM]r\.?|[DM]R\.|[dm]r\."
    r"|(?i:prof|mrs|miss|herrn?|frau|mme|mlle|mevr|dhr|sig|sra|professor|doctor))\.?"
)
"""DR and MR in capitals, without a dot, are modalities."""

NETWORK: Final = (r"(?<!\S)\S*(?:@\w+\.|://|www\.)\S*",)
"""Mail and web addresses."""

_MONTH_NAME: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?|januar|februar|m\u00e4rz|mai|juni|juli|oktober|dezember)(?![^\W_])\.?"
)
WHOLE_DATES: Final = (
    *_DATES[:3],
    rf"(?<![^\W_]){_DAY}{_ORDINAL}{_BETWEEN}{_MONTH_NAME}{_BETWEEN}(?:{_YEAR}|'?\d\d)(?!\d)",
    rf"(?<![^\W_]){_MONTH_NAME}{_BETWEEN}{_DAY}{_ORDINAL}[-\s,./_]{{1,2}}{_YEAR}(?!\d)",
)
"""Days that are named with their year."""

PHONES: Final = _PHONES
"""The first one is of numbers with a country code."""
ADDRESSES: Final = _ADDRESSES
ANNOUNCED: Final = (rf"(?<![\w-]){_NUMBERED}",)
"""Numbers behind a word that says whose they are; behind a hyphen that word is a part of another."""

TITLED: Final = re.compile(rf"(?<![^\W_])(?:{_TITLES}\s+)+(?:[^\W\d_]\.?\s*){{0,2}}(?:{_NAME})?")
"""A title with the name behind it."""


def either(*forms: Sequence[str]) -> re.Pattern[str]:
    """One pattern for all of them, ignoring case."""
    return re.compile("|".join(one for several in forms for one in several), re.IGNORECASE)


IDENTIFYING: Final = (
    re.compile(NETWORK[0]),
    either(_DATES, (_UID,), _PHONES, (_NUMBERED,), _ADDRESSES, (_LONG_NUMBER,)),
    TITLED,
)
"""Mail and web addresses; dates, numbers and addresses; titles with the name behind them."""
