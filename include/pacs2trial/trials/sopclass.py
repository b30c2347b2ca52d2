"""SOP classes as a rule names them: by UID, by keyword (``RTPlanStorage``) or by name (``RT Plan Storage``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from pacs2trial.trials.nearest import unknown

_UID: Final = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_LONGEST_UID: Final = 64


def sop_class_uid(text: str) -> str:
    """The UID of the SOP class that ``text`` names.

    Raises:
        ValueError: it names none; the message says which was probably meant.
    """
    written = text.strip()
    if _UID.fullmatch(written) and len(written) <= _LONGEST_UID:
        return written
    found = _by_name().get(_plain(written))
    if found is None:
        raise ValueError(unknown("SOP class", written, _keywords(), "write a keyword such as RTPlanStorage, or a UID"))
    return found


def _plain(name: str) -> str:
    return re.sub(r"\W", "", name).casefold()


@cache
def _keywords() -> Mapping[str, str]:
    from pydicom._uid_dict import UID_dictionary

    return {
        keyword: uid
        for uid, (_, kind, _, _, keyword) in UID_dictionary.items()
        if kind == "SOP Class" and keyword.endswith(("Storage", "StorageRetired")) and "Media" not in keyword
    }


@cache
def _by_name() -> Mapping[str, str]:
    return {_plain(keyword): uid for keyword, uid in _keywords().items()}
