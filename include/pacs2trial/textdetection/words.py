"""Words of a line that was read by a machine: letters and digits that look alike are told apart by their company."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources
from typing import Final

from pacs2trial.deidentify.folding import folded
from pacs2trial.profile.vocabulary import safe_words

_LOOKS: Final = str.maketrans(
    {"o": "0", "q": "0", "d": "0", "l": "1", "i": "1", "j": "1", "t": "1", "|": "1", "!": "1", "s": "5", "z": "2"}
    | {"b": "8", "g": "6", "a": "4", "v": "u", "y": "u", "$": "5", "€": "e", "(": "c", "{": "c", "[": "c"}
)
"""Signs that a reader takes for one another; all of a group become one sign."""

_PAIRS: Final = (("rn", "m"), ("vv", "w"), ("nn", "m"), ("cl", "0"))
_RUN: Final = re.compile(r"[^\W\d_]+|\d+")
_AS_LETTERS: Final = str.maketrans({"0": "o", "1": "i", "5": "s", "8": "b", "6": "g", "2": "z", "|": "i", "!": "i"})
_AS_DIGITS: Final = str.maketrans(
    {"o": "0", "q": "0", "d": "0", "l": "1", "i": "1", "|": "1", "!": "1", "s": "5", "z": "2", "b": "8", "g": "6"}
)
_CHUNK: Final = re.compile(r"[^\W_|!]+(?:[|!][^\W_|!]+)*")


def plain(text: str) -> str:
    """Text as it is compared: compatibility forms resolved (full-width signs, superscripts), folded."""
    return folded(unicodedata.normalize("NFKC", text))


def likeness(text: str) -> str:
    """What is left of a word when signs that look alike are one: ``O'NEILL`` and ``0NEI11`` become the same.

    Args:
        text: folded; only its letters and digits count, and signs that are taken for them.
    """
    kept = "".join(c for c in text if c.isalnum() or c in "|!$€")
    for pair, one in _PAIRS:
        kept = kept.replace(pair, one)
    return kept.translate(_LOOKS)


def as_digits(text: str) -> str:
    """The chunks of a folded text that hold a digit, read as numbers: ``o8/29/l95i`` becomes ``08/29/1951``."""
    return _CHUNK.sub(lambda m: m.group().translate(_AS_DIGITS) if _mostly_digits(m.group()) else m.group(), text)


def _mostly_digits(chunk: str) -> bool:
    """Whether every sign is a digit or taken for one, some are, and letters among them make no word of a screen."""
    if not chunk.translate(_AS_DIGITS).isdigit() or not any(c.isdigit() for c in chunk):
        return False
    runs: list[str] = _RUN.findall(chunk)
    return not any(len(run) > 1 and run in known_words() for run in runs)


def chunks(text: str) -> list[str]:
    """What spaces and signs set apart in a folded text."""
    return _CHUNK.findall(text)


def is_screen_word(chunk: str) -> bool:
    """Whether a chunk of a folded text is known to name nobody, in spite of letters read as digits.

    Letters and digits written together are looked at one by one: ``body32cm``, ``tis0``.
    """
    for read in (chunk, chunk.translate(_AS_LETTERS)):
        if read in known_words():
            return True
    runs: list[str] = _RUN.findall(chunk)
    letters = [run for run in runs if not run.isdigit()]
    if len(runs) > 1 and all(len(run) <= 2 or run in known_words() for run in letters):
        return sum(run.isdigit() for run in runs) <= 2
    return False


@cache
def known_words() -> frozenset[str]:
    """Words of imaging, treatment and of devices' screens, folded."""
    text = resources.files(__package__).joinpath("data/screen_words.txt").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return safe_words() | {folded(word) for line in lines for word in line.split()}
