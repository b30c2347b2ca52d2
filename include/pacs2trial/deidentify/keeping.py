"""Keeping values, by VR: what is well-formed stays and is padded as it should be (PS3.5 6.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from pacs2trial.deidentify.compiled import Apply, Operation, Result, Verdict
from pacs2trial.deidentify.dates import checked_ages, checked_date_times, checked_dates, checked_times
from pacs2trial.deidentify.harvest import NAME
from pacs2trial.deidentify.identifiers import DUMMY_WORD
from pacs2trial.deidentify.padding import PADDING, trimmed
from pacs2trial.dicomfile.dictionary import SIGN_DEPENDENT
from pacs2trial.dicomfile.vr import TEXT, UNIT
from pacs2trial.profile.rules import Action, Rule

if TYPE_CHECKING:
    from pacs2trial.deidentify.walk import Walk

_STANDARD_UID: Final = re.compile(rb"1\.2\.840\.10008\.[0-9.]{1,50}[\0 ]*")
_UID_SYNTAX: Final = re.compile(rb"[0-9.]{1,64}(\\[0-9.]{1,64})*")

_NUMERIC: Final = b"0123456789+-.eE \\\0"
_NUMERIC_ONLY: Final = bytes(byte if byte in _NUMERIC else 0x78 for byte in range(256))
_LONGEST_NUMBER: Final = 64
_UNSAID: Final = (b"", b"UN")
_BYTES: Final = (b"OB", b"OW")
_LARGEST_BLOB: Final = 16 << 20

_DUMMIES: Final = {
    b"AS": b"000Y",
    b"CS": DUMMY_WORD.encode(),
    b"DA": b"19000101",
    b"DS": b"0",
    b"DT": b"19000101000000",
    b"IS": b"0",
    b"TM": b"000000",
    b"UR": b"about:blank",
}


def without(rule: Rule) -> bytes | None:
    """What stands in place of a value that may not stay."""
    if rule.fallback is Action.DUMMY:
        return dummy_of(rule.vr)
    return b"" if rule.fallback is Action.EMPTY else None


def dummy_of(vr: bytes) -> bytes:
    if vr in UNIT:
        return bytes(max(2, UNIT[vr]))
    return _DUMMIES.get(vr, DUMMY_WORD.encode())


def is_of_dicom(uid: bytes) -> bool:
    """Whether DICOM itself gave this UID: a class, a syntax, a well-known frame of reference. Such a UID stays."""
    return uid.startswith(b"1.2.840.10008.") and _STANDARD_UID.fullmatch(uid) is not None


@lru_cache(maxsize=4096)
def standard_uid(value: bytes) -> Verdict:
    """Whether DICOM itself gave this UID, as :func:`is_of_dicom`: True or how it is padded, else False."""
    stripped = value.rstrip(PADDING)
    if not is_of_dicom(stripped):
        return False
    return True if _is_padded_uid(value, stripped) else stripped


def _is_padded_uid(value: bytes, stripped: bytes) -> bool:
    return len(value) - len(stripped) == len(stripped) & 1 and value[-1] != 0x20


def keep_by_vr(rule: Rule) -> Apply:
    """How a value of this rule's VR is kept: as long as it is well-formed and may stay."""
    vr = rule.vr
    if vr in UNIT:
        return keep_units(UNIT[vr])
    if vr == SIGN_DEPENDENT:
        return keep_units(2)
    factory = _KEEP_BY_VR.get(vr, keep_text)
    return factory(without(rule))


def remove(_walk: Walk, _value: bytes) -> Result:
    return None


def stray_name(walk: Walk, value: bytes) -> Result:
    """A person's name by the VR it was sent with, not by the dictionary: it goes, and is searched elsewhere."""
    walk.harvest[NAME, walk.charset, value.rstrip(PADDING)] = None
    return None


def settled(operation: Operation, sent: bytes, pixel_representation: bytes) -> tuple[bytes, Apply]:
    """VR and operation where the sender's VR is not the dictionary's, or the dictionary leaves a choice.

    Numbers of another size than the dictionary says are kept as they were sent; text in place of numbers goes.
    """
    expected, apply, action = operation
    if expected == SIGN_DEPENDENT:
        expected = b"SS" if pixel_representation[:1] == b"\x01" else b"US"
    if sent == b"PN":
        return expected, stray_name
    if sent in _UNSAID or sent == expected or expected in TEXT or action is not Action.KEEP:
        return expected, apply
    if sent in TEXT:
        return expected, remove
    if sent not in _BYTES and UNIT[sent] != UNIT[expected]:
        return sent, keep_units(UNIT[sent])
    return expected, apply


def keep_units(unit: int) -> Callable[[Walk, bytes], Result]:
    """Keeps a binary value that consists of whole units."""

    def keep(_walk: Walk, value: bytes) -> Result:
        return None if len(value) % unit else value

    return keep


def keep_blob(walk: Walk, value: bytes) -> Result:
    """Keeps a blob that a site vouches for, unless it is too large to be searched or an identifier is found in it."""
    return value if len(value) <= _LARGEST_BLOB and walk.judge_blob(value) else None


def keep_text(fallback: bytes | None) -> Apply:
    def keep(walk: Walk, value: bytes) -> Result:
        verdict = walk.texts.get(value)
        if verdict is None:
            verdict = walk.judge_text(value)
        return value if verdict is True else fallback if verdict is False else verdict

    return keep


def keep_coded(fallback: bytes | None) -> Apply:
    def keep(walk: Walk, value: bytes) -> Result:
        verdict = walk.coded.get(value)
        if verdict is None:
            verdict = walk.judge_coded(value)
        return value if verdict is True else fallback if verdict is False else verdict

    return keep


def keep_number(fallback: bytes | None) -> Apply:
    """Keeps numbers as they are written. A long list is looked at letter by letter only."""

    def keep(walk: Walk, value: bytes) -> Result:
        if len(value) > _LONGEST_NUMBER:
            if value.translate(_NUMERIC_ONLY) != value:
                return fallback
            return trimmed(value) if value[-1:] in (b" ", b"\0") else value
        verdict = walk.numbers.get(value)
        if verdict is None:
            verdict = walk.judge_number(value)
        return value if verdict is True else fallback if verdict is False else verdict

    return keep


def _keep_checked(check: Callable[[bytes], bytes | None], fallback: bytes | None) -> Apply:
    def keep(_walk: Walk, value: bytes) -> Result:
        stripped = value.rstrip(PADDING)
        checked = check(stripped)
        if checked is None:
            return fallback
        return trimmed(value) if checked == stripped else checked

    return keep


def keep_uid(fallback: bytes | None) -> Apply:
    def keep(walk: Walk, value: bytes) -> Result:
        standard = standard_uid(value)
        if standard:
            return value if standard is True else standard
        stripped = value.rstrip(PADDING)
        if not stripped:
            return value if not value else b""
        if not _UID_SYNTAX.fullmatch(stripped) or stripped in walk.blocked:
            return fallback
        walk.structural[stripped] = None
        return value if _is_padded_uid(value, stripped) else stripped

    return keep


def _refuse(fallback: bytes | None) -> Apply:
    return lambda _walk, _value: fallback


_KEEP_BY_VR: Final[Mapping[bytes, Callable[[bytes | None], Apply]]] = {
    b"AS": partial(_keep_checked, checked_ages),
    b"CS": keep_coded,
    b"DA": partial(_keep_checked, lambda value: checked_dates(value, 0)),
    b"DS": keep_number,
    b"DT": partial(_keep_checked, lambda value: checked_date_times(value, 0)),
    b"IS": keep_number,
    b"PN": _refuse,
    b"TM": partial(_keep_checked, checked_times),
    b"UI": keep_uid,
}
