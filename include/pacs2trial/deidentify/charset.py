"""Reading text in the character set that an object declares (PS3.3 C.12.1.1.2, PS3.5 6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

ESCAPE: Final = b"\x1b"
_DELIMITERS: Final = b"\\^=\r\n\f\t"


def decode(value: bytes, charset: bytes) -> str | None:
    """``value`` as text, or None if it is not text in the declared character set.

    Args:
        value: as encoded, padding included or not.
        charset: the value of Specific Character Set (0008,0005); empty for the default repertoire.
    """
    if ESCAPE in value:
        return _decode_switching(value, charset)
    if value.isascii():
        return value.decode("ascii")
    try:
        return value.decode(_codecs(charset)[0])
    except (UnicodeDecodeError, LookupError):
        return None


def _decode_switching(value: bytes, charset: bytes) -> str | None:
    """Text that switches between repertoires by escape sequences (ISO 2022); each delimiter switches back."""
    codecs = _codecs(charset)
    first = codecs[0]
    text, current = [], first
    try:
        for piece in _pieces(value):
            if piece[:1] == ESCAPE:
                length, codec = _escape(piece)
                if codec is None or codec not in (*codecs, "ascii", "shift_jis"):
                    return None
                current = codec
                text.append(_decode_multibyte(piece, length, codec))
            else:
                text.append(piece.decode(first if piece[:1] in _DELIMITERS_AS_BYTES else current))
                current = first if piece[:1] in _DELIMITERS_AS_BYTES else current
    except (UnicodeDecodeError, LookupError):
        return None
    return "".join(text)


_DELIMITERS_AS_BYTES: Final = frozenset(bytes((byte,)) for byte in _DELIMITERS)
_STATEFUL: Final = frozenset(("iso2022_jp", "iso2022_jp_2", "iso2022_kr", "iso2022_jp_1"))


def _pieces(value: bytes) -> list[bytes]:
    """``value`` cut before every escape sequence and every delimiter."""
    pieces, start = [], 0
    for index, byte in enumerate(value):
        if index > start and (byte == ESCAPE[0] or byte in _DELIMITERS):
            pieces.append(value[start:index])
            start = index
    pieces.append(value[start:])
    return pieces


def _escape(piece: bytes) -> tuple[int, str | None]:
    for length in (4, 3):
        codec = _escapes().get(piece[:length])
        if codec is not None:
            return length, codec
    return 0, None


def _decode_multibyte(piece: bytes, length: int, codec: str) -> str:
    return piece.decode(codec) if codec in _STATEFUL else piece[length:].decode(codec)


@cache
def _escapes() -> Mapping[bytes, str]:
    from pydicom.charset import CODES_TO_ENCODINGS

    return CODES_TO_ENCODINGS


@lru_cache(maxsize=64)
def _codecs(charset: bytes) -> tuple[str, ...]:
    """Python's codecs for the declared terms; the first is what text begins in."""
    from pydicom.charset import python_encoding

    terms = [term.strip().decode("ascii", "replace") for term in charset.split(b"\\")] or [""]
    if terms == [""]:
        return ("ascii",)
    return tuple(python_encoding.get(term, "undefined") if term else "ascii" for term in terms)
