"""Parts of a name that are words as well: where such a word names nobody.

A patient may be called Head, and still have a head; Gray, and still be given 60 Gray. The lists are short and of this
room alone: a word that is not in them is a name wherever it stands, so that in doubt a person looks.
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Final

from pacs2trial.verify.terms import CODE_WORDS

_WORD: Final = re.compile(r"[^\W_]+")
_APART: Final = re.compile(r"[\s.,^_'\u2019:/-]{0,3}")
_SIDES: Final = frozenset("lr")
_TITLES: Final = frozenset(
    (
        *("dr", "prof", "mrs", "miss", "herr", "frau", "mme", "mlle", "mevr", "dhr"),
        *("patient", "pat", "name", "surname", "physician", "doctor"),
    )
)
_NUMBER: Final = "#"
_COMPANIONS: Final = {
    "art": {"online", "offline", "adaptive", "plan"},
    "black": {"blood", "bone"},
    "brown": {"fat", "adipose"},
    "cross": {"section", "sectional", "hair"},
    "gold": {"marker", "markers", "seed", "seeds"},
    "gray": {_NUMBER, "matter", "scale", "level", "value", "image"},
    "grey": {_NUMBER, "matter", "scale", "level", "value", "image"},
    "long": {"axis", "axes", "bone", "bones", "leg"},
    "may": {_NUMBER, "be", "contain", "not", "have"},
    "short": {"axis", "tau", "ti"},
    "small": {"bowel", "field", "lesion"},
    "wall": {"chest", "thoracic", "abdominal"},
    "white": {"matter", "blood"},
    "young": {"adult", "child"},
}


def stands_as_word(name: str, text: str, names: Set[str]) -> bool:
    """Whether ``name`` stands in ``text`` as a word only, at every place.

    Args:
        name: a part of a name that stands in the text.
        text: folded.
        names: all parts of names of the person, folded.
    """
    if name not in CODE_WORDS and name not in _COMPANIONS:
        return False
    words = list(_WORD.finditer(text))
    places = [index for index, word in enumerate(words) if word.group() == name]
    return bool(places) and all(_is_word_at(index, words, text, names) for index in places)


def _is_word_at(index: int, words: list[re.Match[str]], text: str, names: Set[str]) -> bool:
    word = words[index]
    before = words[index - 1] if index else None
    after = words[index + 1] if index + 1 < len(words) else None
    near = [one for one in (before, after) if one and _APART.fullmatch(text, *_between(word, one))]
    beside = {one.group() for one in near}
    if before in near and before is not None and before.group() in _TITLES:
        return False
    if "^" in (text[word.start() - 1 : word.start()], text[word.end() : word.end() + 1]):
        return False
    others = names - {word.group()}
    if any(one in others and not {one, word.group()} <= CODE_WORDS for one in beside):
        return False
    companions = _COMPANIONS.get(word.group())
    if companions is not None:
        return bool(beside & companions) or (_NUMBER in companions and any(one.isdigit() for one in beside))
    initials = {one[0] for one in others} - _SIDES
    return beside.isdisjoint(initials)


def _between(one: re.Match[str], other: re.Match[str]) -> tuple[int, int]:
    return min(one.end(), other.end()), max(one.start(), other.start())
