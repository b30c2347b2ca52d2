"""What was probably meant by a word that nobody knows."""

from __future__ import annotations

from collections.abc import Collection
from difflib import SequenceMatcher, get_close_matches

ALIKE = 0.5
"""Likeness from which a known word may be what was meant (1 is equal)."""

AS_GOOD = 0.12
"""Known words this little less like than the best are named too."""

FEW = 40
"""Up to so many known words are compared one by one, and listed where none is alike."""

_ALIKE_AMONG_MANY = 0.72


def unknown(what: str, written: str, known: Collection[str], otherwise: str = "") -> str:
    """``unknown <what> '<written>'`` with the nearest right spelling, else what is known, or ``otherwise``."""
    close = _close(written, known)
    if close:
        return f"unknown {what} {written!r}; did you mean {' or '.join(close)}?"
    listed = f"known are {', '.join(sorted(known))}" if known and len(known) <= FEW else ""
    remedy = otherwise or listed
    return f"unknown {what} {written!r}" + (f"; {remedy}" if remedy else "")


def _close(written: str, known: Collection[str]) -> list[str]:
    if len(known) > FEW:
        plain = {word.lower(): word for word in known}
        found = get_close_matches(written.lower(), plain, n=3, cutoff=_ALIKE_AMONG_MANY)
        return [plain[word] for word in found]
    likeness = {word: _likeness(written, word) for word in known}
    enough = max(ALIKE, max(likeness.values(), default=0.0) - AS_GOOD)
    return [word for word in known if likeness[word] > enough]


def _likeness(written: str, word: str) -> float:
    return SequenceMatcher(None, written.lower().replace("_", "-"), word.lower().replace("_", "-")).ratio()
