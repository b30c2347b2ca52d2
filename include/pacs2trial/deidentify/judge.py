"""Whether the texts that would stay may stay."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from pacs2trial.deidentify.blobs import blob_needles, holds_any
from pacs2trial.deidentify.charset import decode, encode
from pacs2trial.deidentify.compiled import Gathered, Verdict
from pacs2trial.deidentify.folding import folded
from pacs2trial.deidentify.harvest import readings
from pacs2trial.deidentify.identifiers import OwnIdentifiers, own_identifiers
from pacs2trial.deidentify.padding import PADDING, trimmed
from pacs2trial.deidentify.redaction import redacted
from pacs2trial.dicomfile.scan import refuse
from pacs2trial.profile.plan import Plan

_CODED: Final = re.compile(rb"[A-Z0-9 _]{0,16}")
_TERMS: Final = frozenset(
    (
        *(
            b"CODE",
            b"COMPOSITE",
            b"CONTAINER",
            b"DATE",
            b"DATETIME",
            b"IMAGE",
            b"NUM",
            b"PNAME",
            b"SCOORD",
            b"SCOORD3D",
        ),
        *(b"TABLE", b"TCOORD", b"TEXT", b"TIME", b"UIDREF", b"WAVEFORM"),
        *(b"CONTAINS", b"HAS ACQ CONTEXT", b"HAS CONCEPT MOD", b"HAS OBS CONTEXT", b"HAS PROPERTIES"),
        *(b"INFERRED FROM", b"SELECTED FROM"),
        *(b"CONTINUOUS", b"SEPARATE", b"COMPLETE", b"PARTIAL", b"UNVERIFIED", b"VERIFIED"),
    )
)
"""Terms that hold a report together (PS3.3 C.17.3): they name nobody, whatever the patient is called."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_UID: Final = re.compile(r"(?<![\d.])(?!1\.2\.840\.10008\.)[0-2](?:\.\d+){5,}")
_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)(?![a-z])"
)
_DATE: Final = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d([-./_ ]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])([-./_ ])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)\d\d"
    r"|(?:0?[1-9]|[12]\d|3[01])/(?:0?[1-9]|[12]\d|3[01])/\d\d"
    rf"|(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?[-./_ ]*{_MONTH}[-./_, ]*(?:(?:19|20)\d\d|\d\d)"
    rf"|{_MONTH}[-./_ ]*(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?[-./_, ]+(?:19|20)\d\d)(?!\d)"
)
_MAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_WEB: Final = re.compile(r"(?<!\S)\S*(?:://|www\.)\S*")

_NUMBER: Final = rb"( *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)?[ \0]*"
_NUMBERS: Final = re.compile(rb"%s(\\%s)*" % (_NUMBER, _NUMBER))

_MOST_GATHERED: Final = 500
_MOST_GATHERED_BYTES: Final = 1 << 15
_LONGEST_REMEMBERED: Final = 256
_MOST_REMEMBERED: Final = 4096

Doubts = tuple[re.Pattern[str], ...]


class Judge:
    """Says of values that would stay whether they may, in an object with these identifiers, and remembers what it said.

    A value may not stay if it holds one of the object's own identifiers, a UID, a mail address, control characters,
    or bytes that are no text in the declared character set; in a trial also a web address, and a date where dates do
    not stay. A coded string must have the form of one (PS3.5 6.2).
    """

    def __init__(self, own: OwnIdentifiers, doubts: Doubts, needles: frozenset[bytes]) -> None:
        self._own = own
        self._doubts = doubts
        self._needles = needles
        self._texts: dict[tuple[bytes, bytes], Verdict] = {}
        self._coded: dict[bytes, Verdict] = {}
        self._numbers: dict[bytes, Verdict] = {}

    def text(self, charset: bytes, value: bytes) -> Verdict:
        """Of a text as encoded, padding included."""
        key = (charset, value)
        verdict = self._texts.get(key)
        if verdict is None:
            verdict = self._text_verdict(charset, value)
            _remember(self._texts, key, verdict, len(value))
        return verdict

    def coded(self, value: bytes) -> Verdict:
        """Of a coded string as encoded; values that may not stay are emptied, so that the others keep their places."""
        verdict = self._coded.get(value)
        if verdict is None:
            verdict = self._coded_verdict(value)
            _remember(self._coded, value, verdict, len(value))
        return verdict

    def number(self, value: bytes) -> Verdict:
        """Of a decimal or integer string as encoded; one of six digits and more could be an ID."""
        verdict = self._numbers.get(value)
        if verdict is None:
            verdict = _padded_right(value) if _NUMBERS.fullmatch(value) and not self._is_id(value) else False
            _remember(self._numbers, value, verdict, len(value))
        return verdict

    def blob(self, value: bytes) -> bool:
        """Of a value that is no text."""
        return not holds_any(value, self._needles)

    def is_class(self, uid: bytes) -> bool:
        """Of a UID of a class, scheme or template that is not DICOM's own: whether no component of it is an ID."""
        return self._own.numbers.isdisjoint(uid.decode("ascii").split("."))

    def _is_id(self, value: bytes) -> bool:
        numbers = self._own.numbers
        return bool(numbers) and any(
            part.strip(PADDING).lstrip(b"+0").decode("ascii") in numbers for part in value.split(b"\\")
        )

    def _text_verdict(self, charset: bytes, value: bytes) -> Verdict:
        """Of text with a finding what is safe may stay, if its bytes can mean one text only."""
        stripped = value.rstrip(PADDING)
        if decode(stripped, charset) is None:
            return False
        text, *others = readings(stripped, charset)
        if any(self._is_found(other) for other in others):
            return False
        if self._is_found(text):
            return encode(redacted(text, self._own, self._doubts), charset) or False
        return _padded_right(value)

    def _is_found(self, text: str) -> bool:
        lower = folded(text)
        return _is_doubtful(lower, self._doubts) or (self._own.may_stand_in(lower) and self._own.stands_in(text))

    def _coded_verdict(self, value: bytes) -> Verdict:
        stripped = value.rstrip(PADDING)
        if stripped in _TERMS:
            return _padded_right(value)
        if not _is_coded(stripped) or self._own.may_stand_in(stripped.decode("ascii").lower()):
            kept = _coded_values(stripped, self._own)
            if kept != stripped:
                return kept
        return _padded_right(value)


@lru_cache(maxsize=16)
def judge_of(harvest: frozenset[Gathered], plan: Plan) -> Judge:
    """The judge for objects in which this was gathered; the objects of a series mostly share one.

    Raises:
        UnsafeObjectError: ``too-large``: an object with so many would keep a worker busy for minutes.
    """
    if len(harvest) > _MOST_GATHERED or sum(len(value) for _, _, value in harvest) > _MOST_GATHERED_BYTES:
        refuse("too-large", "the object names more persons and identifiers than one object does")
    return Judge(own_identifiers(harvest), _doubts_of(plan), blob_needles(harvest))


def _padded_right(value: bytes) -> Verdict:
    kept = trimmed(value)
    return True if kept is value else kept


def _remember(memory: dict[Any, Verdict], key: Any, verdict: Verdict, length: int) -> None:
    if length <= _LONGEST_REMEMBERED:
        if len(memory) >= _MOST_REMEMBERED:
            memory.clear()
        memory[key] = verdict


def _doubts_of(plan: Plan) -> Doubts:
    web = () if plan.vocabulary is None else (_WEB,)
    dates = () if plan.dates == "UNMODIFIED" else (_DATE,)
    return (_CONTROL, _MAIL, _UID, *web, *dates)


def _is_doubtful(text: str, doubts: Doubts) -> bool:
    return any(doubt.search(text) for doubt in doubts)


@lru_cache(maxsize=4096)
def _is_coded(value: bytes) -> bool:
    return all(_CODED.fullmatch(one) for one in value.split(b"\\"))


def _coded_values(value: bytes, own: OwnIdentifiers) -> bytes:
    """The values of a coded string, those emptied that may not stay, so that the others keep their places."""
    kept = []
    for one in value.split(b"\\"):
        plain = one.strip(b" \0")
        allowed = _CODED.fullmatch(plain) and not own.stands_in(plain.decode("ascii"), coded=True)
        kept.append(one if allowed and _CODED.fullmatch(one) else plain if allowed else b"")
    return b"\\".join(kept).rstrip(b"\\") if not any(kept) else b"\\".join(kept)
