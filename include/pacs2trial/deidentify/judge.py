"""Whether the texts that would stay may stay."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from pacs2trial.deidentify.charset import decode
from pacs2trial.deidentify.compiled import TextKey
from pacs2trial.deidentify.identifiers import OwnIdentifiers, folded, own_identifiers
from pacs2trial.deidentify.walk import Walk
from pacs2trial.profile.plan import Plan

_CODED: Final = re.compile(rb"[A-Z0-9 _]{0,16}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_UID: Final = re.compile(r"(?<![\d.])(?!1\.2\.840\.10008\.)[0-2](?:\.\d+){5,}")
_DATE: Final = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d([-./_ ]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])([-./_ ])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)\d\d)(?!\d)"
)
_MAIL: Final = re.compile(r"\S@\S")
_WEB: Final = re.compile(r"://|www\.")

Doubts = tuple[re.Pattern[str], ...]


def blocked_texts(walk: Walk, plan: Plan) -> dict[TextKey, bytes | None]:
    """The values that may not stay, with what takes the place of a coded string.

    A value may not stay if it holds one of the object's own identifiers, a UID, a mail address, control characters,
    or bytes that are no text in the declared character set; in a trial also a web address, and a date where dates do
    not stay. A coded string must have the form of one (PS3.5 6.2). A UID that names an instance elsewhere
    in the object is no UID of a class or scheme.
    """
    own = own_identifiers(walk.harvest)
    blocked: dict[TextKey, bytes | None] = dict(_blocked_texts(walk.texts, own, _doubts_of(plan)))
    for value in walk.coded:
        if not _is_coded(value) or own.may_stand_in(value.decode("ascii").lower()):
            kept = _coded_values(value, own)
            if kept != value:
                blocked[value] = kept
    for value in walk.numbers:
        if any(number.strip().lstrip(b"+0").decode("latin-1") in own.numbers for number in value.split(b"\\")):
            blocked[value] = None
    blocked.update((value, None) for value in walk.structural if value in walk.uids)
    return blocked


def _blocked_texts(keys: Iterable[TextKey], own: OwnIdentifiers, doubts: Doubts) -> Iterator[tuple[TextKey, None]]:
    texts: dict[TextKey, str] = {}
    for key in keys:
        charset, value = key if isinstance(key, tuple) else (b"", key)
        text = decode(value, charset)
        if text is None:
            yield key, None
        else:
            texts[key] = folded(text)
    together = "\n".join(texts.values())
    if not (own.may_stand_in(together) or _is_doubtful(together, doubts)):
        return
    for key, text in texts.items():
        if own.stands_in(text) or _is_doubtful(text, doubts):
            yield key, None


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
        allowed = _CODED.fullmatch(plain) and not own.stands_in(plain.decode("ascii").lower(), coded=True)
        kept.append(one if allowed and _CODED.fullmatch(one) else plain if allowed else b"")
    return b"\\".join(kept).rstrip(b"\\") if not any(kept) else b"\\".join(kept)
