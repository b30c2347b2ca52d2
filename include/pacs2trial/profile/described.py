"""Private attributes and content items in words, for the conformance statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pacs2trial.profile.rules import Action, ItemRules, RuleSet
from pacs2trial.profile.structured import CONTENT_SEQUENCE, concept_key, concepts

_WORDS: Final = {
    "value": "keep, UIDs mapped",
    "text": "keep",
    "words": "clean",
    "dummy": "dummy",
    "blank": "dummy, and all below it",
}
_UNLISTED: Final = (
    ("TEXT", "any other text"),
    ("PNAME", "any other name"),
    ("DATE", "any other date or time"),
    ("NUM", "any other measurement, code, reference or coordinates"),
    ("", "of unknown value type"),
)


def private_in_words(rules: RuleSet) -> Iterator[tuple[str, str, str]]:
    """Tag with the block as ``xx``, creator and meaning, what is done: each private attribute that may stay."""
    for (group, creator, low), rule in sorted(rules.private.items()):
        words = f"{rule.action} if {rule.vr.decode()} of multiplicity {rule.vm}, else {rule.fallback}"
        yield f"({group:04X},xx{low:02X})", f"{creator}: {rule.keyword}", words


def content_in_words(rules: RuleSet) -> Iterator[tuple[str, str, str]]:
    """Code and scheme, value type and meaning, what is done: each content item of Table E.3.4-1, then the others.

    Nothing where the content goes as a whole.
    """
    content = rules.inside.get(CONTENT_SEQUENCE)
    if not isinstance(content, ItemRules) or rules.tags[CONTENT_SEQUENCE].action is not Action.KEEP:
        return
    date = content.sets["date"].tags[0x0040A121].action if "date" in content.sets else Action.DUMMY
    words = _WORDS | {"date": str(date)}
    for concept in concepts():
        key = concept_key(concept.scheme, concept.code, concept.value_type)
        done = (
            "remove; dummy where items are referred to by place"
            if key in content.dropped
            else words[content.choices[key]]
        )
        yield f"({concept.code}, {concept.scheme})", f"{concept.value_type}: {concept.meaning}", done
    for key, meaning in _UNLISTED:
        yield "content item", meaning, words[content.choices[key]]
