"""Reading text in the character set that an object declares (PS3.3 C.12.1.1.2, PS3.5 6.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

ESCAPE: Final = b"\x1b"
_DEFAULT: Final = "iso8859"
_DELIMITER: Final = re.compile(rb"[\\^=\r\n\f\t]")


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
    except (UnicodeError, LookupError):
        return None


def _decode_switching(value: bytes, charset: bytes) -> str | None:
    """Text that switches between repertoires by escape sequences (ISO 2022).

    A delimiter switches back to the first one, except within two-byte codes of ISO-2022-JP, where its byte is half
    a character (PS3.5 6.1.2.5.3).
    """
    first, *_ = codecs = _codecs(charset)
    start, *switched = value.split(ESCAPE)
    try:
        text = [start.decode(first)]
        for part in switched:
            length, codec = _escape(ESCAPE + part)
            if codec not in (*codecs, _DEFAULT, "shift_jis"):
                return None
            text.append(_decode_part(ESCAPE + part, length, codec, first))
    except (UnicodeError, LookupError):
        return None
    return "".join(text)


def _decode_part(part: bytes, length: int, codec: str, first: str) -> str:
    if codec.startswith("iso2022_jp"):
        return part.decode(codec)
    text = part[length:]
    switch = _DELIMITER.search(text)
    if switch is None:
        return text.decode(codec)
    return text[: switch.start()].decode(codec) + text[switch.start() :].decode(first)


def _escape(part: bytes) -> tuple[int, str]:
    for length in (4, 3):
        codec = _escapes().get(part[:length])
        if codec is not None:
            return length, codec
    return 0, ""


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


def encode(text: str, charset: bytes) -> bytes | None:
    """``text`` in the first of the declared character sets, or None if that cannot hold it."""
    if text.isascii():
        return text.encode("ascii")
    try:
        value = text.encode(_codecs(charset)[0])
    except (UnicodeError, LookupError):
        return None
    return value if decode(value, charset) == text else None
