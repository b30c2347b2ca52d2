"""One person's name: its parts, how sure each of them names the person, and where they stand in a text.

A part that is no other word is the name wherever it stands. Others need more:

* a word of daily life (May, Gray, Rose, Young) is the name, unless what stands beside it makes it the word: a number
  beside May, *matter* or a number beside Gray;
* a word of imaging and treatment (Lung, Head, Bone) is the word, unless it stands beside another part or the initial of
  the same person, behind a title or cue such as Dr or patient, or is written as names are (``Lung^``, ``Lung's``);
* one or two letters, and particles, count beside another part of the same person and behind a title only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, permutations
from typing import Final, NamedTuple

from pacs2trial.deidentify.folding import folded, origins, spellings
from pacs2trial.profile.vocabulary import everyday_words, is_in_context, name_cues, name_particles, safe_words

INSIDE_FROM: Final = 5
"""Letters from which a part is looked for within longer words."""

_SHORTEST_SURE: Final = 3
_SHORTEST_JOINED: Final = 5
_JOINED_INSIDE_FROM: Final = 6
_SHORTEST_CUT: Final = 5
_MOST_PARTS: Final = 12

_LETTERS: Final = re.compile(r"[^\W\d_]+")
_HUMP: Final = re.compile(r"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])")
_SPLIT: Final = re.compile(r"[\s^=\\,;_]+")
_APART: Final = re.compile(r"[\s.,^_'\u2019/-]{0,3}")
_CUED: Final = re.compile(r"[\s.,:=_-]{1,3}")
_MODALITY: Final = "MR"
_REACH: Final = 4
_SPELT: Final = re.compile(r"(?<![^\W\d_])(?:[^\W\d_][\s._-]){3,}[^\W\d_](?![^\W\d_])")
_SIDES: Final = frozenset("lr")


class Word(NamedTuple):
    """A run of letters, folded, and where it stands in the text as it was written."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Person:
    """The parts of one name, folded, in every spelling.

    Attributes:
        sure: parts that are no other words.
        everyday, technical: parts that are words of daily life, or of imaging and treatment.
        short: parts of one and two letters, and particles such as van and de.
        joined: parts written together in pairs, an initial and a part among them.
    """

    sure: frozenset[str]
    everyday: frozenset[str]
    technical: frozenset[str]
    short: frozenset[str]
    joined: frozenset[str]

    def needles(self) -> Iterator[str]:
        """Strings of which one stands in any folded text that names the person."""
        for part in self.sure:
            yield part[:_SHORTEST_CUT]
        yield from self.everyday
        yield from self.technical
        yield from (part for part in self.short if len(part) > 1)

    def spans(self, words: Sequence[Word], text: str, *, coded: bool) -> Iterator[tuple[int, int]]:
        """Where the person is named.

        Args:
            words: of ``text``.
            text: as written.
            coded: it is a coded string, where a word that is a term is no name.
        """
        for index, word in enumerate(words):
            if self._surely(word, at_end=index == len(words) - 1):
                yield word.start, word.end
            elif coded:
                continue
            elif word.text in self.everyday:
                beside = list(self._beside(index, words, text))
                yield from beside
                if beside or not _is_word_here(index, words, text):
                    yield word.start, word.end
            elif word.text in self.technical or word.text in self.short:
                yield from self._doubtful(index, words, text)

    def _surely(self, word: Word, *, at_end: bool) -> bool:
        text = word.text
        if text in self.sure or text in self.joined:
            return True
        if len(text) >= _SHORTEST_CUT and not is_common(text) and self._cut(text, at_end=at_end):
            return True
        return self._inside(text)

    def _cut(self, text: str, *, at_end: bool) -> bool:
        """A name that was cut off, as the 16 characters of a VR SH cut it."""
        return (at_end or len(text) > _SHORTEST_CUT) and any(
            len(part) > len(text) and part.startswith(text) for part in (*self.sure, *self.joined)
        )

    def _inside(self, text: str) -> bool:
        if is_common(text):
            return False
        return any(part in text for part in self.sure if len(part) >= INSIDE_FROM or has_no_case(part)) or any(
            part in text for part in self.joined if len(part) >= _JOINED_INSIDE_FROM
        )

    def _doubtful(self, index: int, words: Sequence[Word], text: str) -> Iterator[tuple[int, int]]:
        word = words[index]
        beside = list(self._beside(index, words, text))
        yield from beside
        if beside or (len(word.text) > 1 and _is_written_as_name(index, words, text)):
            yield word.start, word.end

    def _beside(self, index: int, words: Sequence[Word], text: str) -> Iterator[tuple[int, int]]:
        """Where other parts of the name stand right beside a word."""
        word = words[index]
        for other in _around(index, words):
            between = min(word.end, other.end), max(word.start, other.start)
            if _APART.fullmatch(text, *between) and self._belong_together(word.text, other.text):
                yield other.start, other.end

    def _belong_together(self, one: str, other: str) -> bool:
        """Whether two neighbours are parts of the name. Two terms are not, nor a term and L or R, which is a side."""
        if one == other:
            return False
        names = self.sure | self.everyday
        if one in names or other in names:
            return self._is_part(one) and self._is_part(other)
        if one in self.technical and other in self.technical:
            return one in everyday_words() or other in everyday_words()
        long, brief = (one, other) if len(one) >= len(other) else (other, one)
        if long in self.technical:
            return brief not in _SIDES and (brief in self.short or self._is_initial(brief, of_another_than=long))
        return not names and one in self.short and other in self.short and len(one) + len(other) > 2

    def _is_part(self, text: str) -> bool:
        return (
            text in self.sure
            or text in self.everyday
            or text in self.technical
            or text in self.short
            or self._is_initial(text, of_another_than="")
        )

    def _is_initial(self, text: str, *, of_another_than: str) -> bool:
        return len(text) == 1 and any(
            part[0] == text
            for part in (*self.sure, *self.everyday, *self.technical, *self.short)
            if part != of_another_than
        )


def words_of(text: str) -> list[Word]:
    """The words of a text; ``SmithJohn`` counts as one word and as its two humps, ``S M I T H`` as one."""
    lower = folded(text)
    at = range(len(text) + 1) if len(lower) == len(text) else [*origins(text), len(text)]
    words = []
    for match in _LETTERS.finditer(lower):
        start, end = at[match.start()], at[match.end() - 1] + 1
        words.append(Word(match.group(), start, end))
        humps = [start, *(start + hump.start() for hump in _HUMP.finditer(text[start:end])), end]
        if len(humps) > 2:
            words += [Word(folded(text[a:b]), a, b) for a, b in pairwise(humps)]
    for match in _SPELT.finditer(lower):
        together = "".join(_LETTERS.findall(match.group()))
        words.append(Word(together, at[match.start()], at[match.end() - 1] + 1))
    return words


def persons_of(name: str) -> list[Person]:
    """The persons of a value of VR PN (PS3.5 6.2.1), its values split at backslashes."""
    found = (_person(value) for value in name.split("\\"))
    return [person for person in found if person is not None]


@lru_cache(maxsize=4096)
def is_common(word: str) -> bool:
    return word in everyday_words() or word in safe_words()


def has_no_case(part: str) -> bool:
    """Scripts such as Chinese, Japanese and Korean: two characters are a name, and words are not set apart."""
    return part.upper() == part.lower()


def _person(name: str) -> Person | None:
    parts: dict[str, None] = {}
    wholes: list[tuple[str, ...]] = []
    for group in name.split("="):
        components = [list(_component_parts(component)) for component in group.split("^")]
        for found in components:
            parts.update(dict.fromkeys(part for pair in found for part in pair))
        wholes += [pair for found in components for pair in found]
    if not parts or _is_no_person(parts):
        return None
    alone = parts.keys() - name_particles()
    sure = {p for p in alone if not is_common(p) and (len(p) >= _SHORTEST_SURE or (len(p) > 1 and has_no_case(p)))}
    everyday = {p for p in alone if p in everyday_words() and p not in safe_words()}
    technical = {p for p in alone if p in safe_words()}
    short = parts.keys() - sure - everyday - technical
    return Person(
        frozenset(sure), frozenset(everyday), frozenset(technical), frozenset(short), frozenset(_joined(wholes))
    )


def _component_parts(component: str) -> Iterator[tuple[str, ...]]:
    """The spellings of each part. A code in place of a name lends only what looks like a word."""
    for written in _SPLIT.split(component):
        pieces = _LETTERS.findall(written)
        shortest = INSIDE_FROM if any(c.isdigit() for c in written) else 1
        for part in (*pieces, "".join(pieces)) if len(pieces) > 1 else pieces:
            found = [s for s in spellings(part) if len(s) >= shortest]
            kept = [s for s in found if s not in name_cues()]
            if kept:
                yield tuple(sorted(kept, key=lambda s: (s != folded(part), s)))


def _is_no_person(parts: dict[str, None]) -> bool:
    """A phantom or a region in place of a name: every part is a term, and none of them a name as well."""
    return all(part in safe_words() and part not in everyday_words() for part in parts if len(part) > 1)


def _joined(wholes: Sequence[tuple[str, ...]]) -> Iterator[str]:
    for first, second in permutations(wholes[:_MOST_PARTS], 2):
        for one in first:
            for other in second:
                for joined in (one + other, one[0] + other, one + other[0]):
                    if len(joined) >= (2 if has_no_case(joined) else _SHORTEST_JOINED) and not is_common(joined):
                        yield joined


def _around(index: int, words: Sequence[Word]) -> Iterator[Word]:
    """The words right before and behind one, humps and wholes alike."""
    word = words[index]
    yield from (other for other in words[max(0, index - _REACH) : index] if other.end <= word.start)
    yield from (other for other in words[index + 1 : index + 1 + _REACH] if other.start >= word.end)


def _is_word_here(index: int, words: Sequence[Word], text: str) -> bool:
    word = words[index]
    return is_in_context(word.text, folded(text[: word.start]), folded(text[word.end :]))


def _is_written_as_name(index: int, words: Sequence[Word], text: str) -> bool:
    word = words[index]
    if text[word.end : word.end + 1] == "^" or text[word.start - 1 : word.start] == "^":
        return True
    if re.match(r"['\u2019]s\b", text[word.end :]):
        return True
    return any(
        before.text in name_cues()
        and _CUED.fullmatch(text, before.end, word.start)
        and not (text[before.start : before.end] == _MODALITY and text[before.end] != ".")
        for before in _around(index, words)
        if before.end <= word.start
    )
