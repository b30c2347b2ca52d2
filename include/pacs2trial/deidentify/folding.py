"""Text as it is compared: without case and marks, with the way back to where a letter stood."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

_STROKES: Final = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i", "ł": "l", "ŧ": "t", "þ": "th", "æ": "ae", "œ": "oe"}
)
"""Letters whose strokes and ligatures Unicode does not take apart."""

_TWO_LETTERS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_ONE_LETTER: Final = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a"))
_SHORTEST_CONTRACTED: Final = 4


@lru_cache(maxsize=8192)
def folded(text: str) -> str:
    """``text`` as it is compared: letters without marks, strokes and case.

    >>> folded("MÜLLER Łuczyńska")
    'muller luczynska'
    """
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_STROKES)
    return "".join(c for c in plain if not unicodedata.combining(c))


def origins(text: str) -> list[int]:
    """For every letter of ``folded(text)`` the index in ``text`` that it came from."""
    return [index for index, letter in enumerate(text) for _ in folded(letter)]


@lru_cache(maxsize=1024)
def spellings(name: str) -> frozenset[str]:
    """The ways in which one and the same name is written, folded: Müller, Mueller, Muller; Sørensen, Soerensen.

    A pair of letters is contracted as well, because ``Mueller`` may stand for ``Müller``, which folds to ``muller``.
    """
    lower = unicodedata.normalize("NFC", name.casefold())
    found = {folded(lower), folded(lower.translate(_TWO_LETTERS))}
    contracted = folded(lower)
    for pair, letter in _ONE_LETTER:
        contracted = contracted.replace(pair, letter)
    if len(contracted) >= _SHORTEST_CONTRACTED:
        found.add(contracted)
    return frozenset(found)
