"""Text that identifies by its form, whoever the patient is: dates, times of day, numbers of cases, written names."""

from __future__ import annotations

import re
from typing import Final

from pacs2trial.textdetection.words import as_digits

_MONTH: Final = (
    r"(?:jan|feb|fev|mar|mrz|maer|apr|abr|avr|may|mai|mei|jun|jui|jul|aug|aou|ago|sep|set|oct|okt|ott|out|nov|dec|dez"
    r"|dic|ene|gen|mag|giu|lug)[a-z]{0,7}"
)
_MARK: Final = r"\s?[-./_,']\s?"
_YEAR: Final = r"(?:(?:18|19|20|21)\d\d)"

PATTERNS: Final[dict[str, re.Pattern[str]]] = {
    "date": re.compile(
        rf"(?<!\d)\d{{1,2}}{_MARK}\d{{1,2}}{_MARK}(?:{_YEAR}|\d\d)(?!\d{{3}})"
        rf"|(?<!\d){_YEAR}{_MARK}\d{{1,2}}{_MARK}\d{{1,2}}"
        rf"|(?<!\d)\d{{1,2}}(?:st|nd|rd|th|\.)?[\s./-]{{0,3}}{_MONTH}\.?[\s./,'-]{{0,3}}\d{{2,4}}(?!\d)"
        rf"|(?<![a-z]){_MONTH}\.?[\s./-]{{0,3}}\d{{1,2}}(?:st|nd|rd|th)?[\s./,'-]{{1,3}}\d{{2,4}}(?!\d)"
        rf"|(?<![a-z])(?:{_MONTH})[\s./,'-]{{0,3}}{_YEAR}(?!\d)"
        rf"|(?<!\d)[0-3]?\d{_MARK}[0-3]\d{_YEAR}(?!\d)|(?<!\d)[0-3]\d[0-3]\d{_MARK}{_YEAR}(?!\d)"
        rf"|(?<!\d){_YEAR}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?!\d)"
        rf"|(?<!\d)(?:[0-2]\d|3[01])(?:[0-2]\d|3[01]){_YEAR}(?!\d)"
        rf"|(?<![\d.,])(?:19|20)\d\d(?![\d.,]|\s?(?:ms|hz|mm|hu|x|frames?))"
    ),
    "time": re.compile(
        r"(?<![\d.])(?:[01]?\d|2[0-4])\s?[:.]\s?[0-5]\d\s?[:.]\s?[0-5]\d(?!\d)"
        r"|(?<![\d.])(?:[01]?\d|2[0-4])\s?:\s?[0-5]\d(?!\d)"
        r"|(?<!\d)(?:0?\d|1[0-2])(?:[:.]\d\d)?\s?[ap]\.?m\b"
    ),
    "number": re.compile(
        r"(?<![\d.,])\d(?:[_/-]?\d){4,}(?![.,]\d)|(?<![\d.,])\d(?:[\s_/-]?\d){6,}(?![.,]\d)"
        r"|[a-z]{1,4}[-_ ]?\d{4,}(?![.,]\d)|\d{3,}[a-z]{1,3}\d{2,}"
    ),
    "mail": re.compile(r"[\w.+-]+\s?@\s?[\w-]+|www\.|https?[:;]"),
    "written-name": re.compile(
        r"(?<![^\W\d_])[^\W\d_]{2,}\s?\^\s?[^\W\d_]*"
        r"|(?<![^\W\d_])(?:dr|drs|prof|mr|mrs|ms|miss|frau|herr|mevr|dhr|sr|sra|mme)\b[.,:]?\s?[^\W\d_]{2,}"
    ),
    "age": re.compile(r"(?<!\d)\d{1,3}\s?(?:y|yr|yrs|years?|jahre?|ans|jaar)(?:\s?old)?\b|(?<!\d)0\d\d[ymwd]\b"),
    "sex": re.compile(r"(?<!t)(?<!t )[\[(]\s?[mfuo]\s?[\])]|^[mf]$"),
}
"""What is looked for in folded text, by the name of the reason."""

_ANNOUNCED: Final = re.compile(
    r"^\W*(?:(?:patient|pat|pt|last|first|middle|family|given|full|other|maiden|operator)?(?:'?s)?\s?(?:name|id|initials)"
    r"|(?:patient|pat|pt)(?:'?s)?|pid|mrn|dob|d\.o\.b\.?|(?:date\s?of\s?)?birth(?:\s?date|day)?|born|sex|gender|age"
    r"|acc(?:ession)?(?:\s?(?:no|nr|number|#))?|study\s?id|(?:ref(?:erring)?|req(?:uesting)?|perf(?:orming)?|attending)?"
    r"\.?\s?(?:physician|phys|doctor|dr|md|radiologist|operator|technologist|tech|sonographer)|geb(?:oren|\.)?(?:datum)?"
    r"|vorname|nachname|naam|nom|prenom|nombre|apellido|cognome|ssn|nhs(?:\s?(?:no|number))?|insurance|address|phone|tel"
    r"|institution|hospital|clinic|ward|room|comments?|requested\s?procedure|medical\s?record(?:\s?number)?)"
    r"\s?(?P<rest>[:.;#=]?.*)$"
)
"""A heading behind or beside which something of the patient stands."""

SIGNS_OF_VALUE: Final = ":.;#= "
"""What may stand between a heading and its value."""


def pattern_in(text: str) -> str:
    """The name of the first pattern that stands in folded text; empty if none does."""
    for name, pattern in PATTERNS.items():
        if pattern.search(text):
            return name
    read = as_digits(text)
    if read != text:
        return next((name for name, pattern in PATTERNS.items() if pattern.search(read)), "")
    return ""


def heading(text: str) -> tuple[bool, str]:
    """Whether folded text begins with a heading of a form, and what stands behind the heading."""
    found = _ANNOUNCED.match(text)
    if found is None:
        return False, ""
    return True, found["rest"].strip()
