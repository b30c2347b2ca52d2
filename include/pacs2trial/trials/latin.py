"""Text that any character set of DICOM can hold: the one that an object declares need not be touched for it."""

from __future__ import annotations

import unicodedata
from typing import Final

_WRITTEN_OUT: Final = str.maketrans(
    {
        sign: letters
        for letters, signs in (
            *(("ss", "ß"), ("SS", "ẞ"), ("ae", "æ"), ("AE", "Æ"), ("oe", "œ"), ("OE", "Œ"), ("o", "ø"), ("O", "Ø")),
            *(("l", "ł"), ("L", "Ł"), ("d", "đð"), ("D", "ĐÐ"), ("th", "þ"), ("Th", "Þ"), ("h", "ħ"), ("H", "Ħ")),
            *(("i", "\u0131"), ("-", "\u2010\u2011\u2013\u2014"), ("'", "\u2018\u2019"), ('"', "\u201c\u201d")),
            *(("u", "µ\u03bc"), ("x", "\u00d7"), ("deg", "°")),
        )
        for sign in signs
    }
)


def in_latin(text: str) -> str | None:
    """``text`` in the letters of ASCII, marks left out (``Zürich`` gives ``Zurich``).

    Returns:
        None where a letter has no such form, as in ``東京``.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_WRITTEN_OUT))
    bare = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return bare if bare.isascii() else None
