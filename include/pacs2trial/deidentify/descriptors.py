"""Text under Clean Descriptors: descriptions, names of structures and beams, meanings of codes (PS3.15 E.3.5)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pacs2trial.deidentify.charset import decode, encode
from pacs2trial.deidentify.compiled import Apply, Result
from pacs2trial.deidentify.keeping import keep_text, without
from pacs2trial.deidentify.padding import PADDING, trimmed
from pacs2trial.deidentify.screening import screened
from pacs2trial.profile.descriptors import safe_part
from pacs2trial.profile.plan import Plan
from pacs2trial.profile.rules import Action, Rule
from pacs2trial.profile.strangers import Holds

if TYPE_CHECKING:
    from pacs2trial.deidentify.walk import Walk

NUMBERED: Final = {
    0x00620005: ("Segment_", 0x00620004),  # Segment Label, Segment Number
    0x30060026: ("ROI_", 0x30060022),  # ROI Name, ROI Number
    0x30060085: ("ROI_", 0x30060084),  # ROI Observation Label, Referenced ROI Number
    0x300A0016: ("Dose_", 0x300A0012),  # Dose Reference Description, Dose Reference Number
    0x300A0043: ("Tolerance_", 0x300A0042),  # Tolerance Table Label, Tolerance Table Number
    0x300A0072: ("Fractions_", 0x300A0071),  # Fraction Group Description, Fraction Group Number
    0x300A00C2: ("Beam_", 0x300A00C0),  # Beam Name, Beam Number
    0x300A00FE: ("Block_", 0x300A00FC),  # Block Name, Block Number
    0x300A0183: ("Setup_", 0x300A0182),  # Patient Setup Label, Patient Setup Number
    0x300A0236: ("Setup_", 0x300A0234),  # Application Setup Name, Application Setup Number
    0x300A0294: ("Applicator_", 0x300A0290),  # Source Applicator Name, Source Applicator Number
}
"""What a name becomes of which nothing may stay: the prefix, and the number that stands before it in the same item."""

NUMBER_TAGS: Final = frozenset(number for _, number in NUMBERED.values())

_ONE_VALUE: Final = frozenset((b"LT", b"ST", b"UT"))
_LONGEST_NUMBER: Final = 12
_LONGEST: Final = 4096
"""Bytes of a text that is cleaned word by word; of a longer one nothing stays."""


_PREFIXES: Final = frozenset(prefix for prefix, _ in NUMBERED.values())


def is_made_from_number(name: str) -> bool:
    """Whether a name says no more than a number, as those that the engine writes do."""
    prefix, _, number = name.rpartition("_")
    return number.isdigit() and f"{prefix}_" in _PREFIXES


def clean(tag: int, rule: Rule, plan: Plan) -> Apply:
    """A description: in staging all of it but the object's own identifiers may stay, in a trial its safe words."""
    fallback = without(rule)
    if plan.vocabulary is None:
        return keep_text(fallback)
    also = plan.vocabulary.descriptors
    separator = "\0" if rule.vr in _ONE_VALUE else "\\"

    def cleaned(walk: Walk, value: bytes) -> Result:
        stripped = value.rstrip(PADDING)
        if not stripped:
            return value if not value else b""
        left = _cleaned(stripped, walk.charset, separator, also)
        if not left:
            return _numbered(walk, tag, fallback)
        return trimmed(value) if left == stripped else left

    return cleaned


@lru_cache(maxsize=8192)
def _cleaned(value: bytes, charset: bytes, separator: str, also: tuple[str, ...]) -> bytes:
    text = decode(value, charset) if len(value) <= _LONGEST else None
    if text is None:
        return b""
    values = [safe_part(one, also) for one in text.split(separator)]
    return (encode(separator.join(values), charset) or b"") if any(values) else b""


def roi_name(tag: int, rule: Rule, plan: Plan) -> Apply:
    """The name of a structure: as the trial's list and TG-263 allow, else its number."""
    fallback = without(rule)
    keep = keep_text(fallback)
    vocabulary = plan.vocabulary
    if vocabulary is None:
        return keep
    holds = vocabulary.roi_names.unknown == "hold"

    def name(walk: Walk, value: bytes) -> Result:
        text = decode(value.strip(PADDING), walk.charset)
        if text == "" or (text is not None and vocabulary.allows_roi_name(text)):
            return keep(walk, value)
        if holds:
            walk.unknown_names.append((rule.keyword, walk.charset, value.strip(PADDING)))
        return _numbered(walk, tag, fallback)

    return name


def _numbered(walk: Walk, tag: int, fallback: bytes | None) -> Result:
    """A name made from the number of the item; a number names one item only."""
    prefix, of = NUMBERED.get(tag, ("", 0))
    number_tag, number = walk.item_number
    if not prefix or number_tag != of or not number.isdigit() or len(number) > _LONGEST_NUMBER:
        return fallback
    return prefix.encode() + number


def meaning(tag: int, rule: Rule, plan: Plan) -> Apply:
    """Code Meaning: what a standard code means stays unless it names a person, a site's own words are cleaned."""
    rule = rule._replace(fallback=Action.DUMMY)
    keep = screened(without(rule), Holds.MEANING, plan.vocabulary.descriptors if plan.vocabulary else ())
    cleaned = clean(tag, rule, plan)

    def mean(walk: Walk, value: bytes) -> Result:
        private = walk.scheme.startswith(b"99") or walk.scheme in (b"L", b"LOCAL")
        walk.scheme = b""
        return cleaned(walk, value) if private else keep(walk, value)

    return mean
