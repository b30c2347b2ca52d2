"""Text that says how an object was made stays, less what points to a person whom the object names nowhere."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pacs2trial.deidentify.charset import decode, encode
from pacs2trial.deidentify.compiled import Apply, Result
from pacs2trial.deidentify.keeping import keep_text, without
from pacs2trial.deidentify.padding import PADDING
from pacs2trial.profile.plan import Plan
from pacs2trial.profile.rules import Rule
from pacs2trial.profile.strangers import Holds, without_strangers

if TYPE_CHECKING:
    from pacs2trial.deidentify.walk import Walk


def screen(_tag: int, rule: Rule, plan: Plan) -> Apply:
    """Of an attribute that Table E.1-1 does not list."""
    also = plan.vocabulary.descriptors if plan.vocabulary else ()
    return screened(without(rule), Holds(rule.text or Holds.TEXT), also)


def screened(fallback: bytes | None, holds: Holds, also: tuple[str, ...]) -> Apply:
    """Keeps a text of which neither the object's own identifiers nor a stranger can be told.

    Args:
        fallback: what stands in place of a value of which nothing may stay.
        holds: what the attribute is for.
        also: words and phrases of the trial that are nobody's name.
    """
    keep = keep_text(fallback)

    def keep_screened(walk: Walk, value: bytes) -> Result:
        kept = keep(walk, value)
        if not isinstance(kept, bytes):
            return kept
        text = kept.rstrip(PADDING)
        left = _without_strangers(text, walk.charset, holds, also)
        return kept if left == text else left or fallback

    return keep_screened


@lru_cache(maxsize=8192)
def _without_strangers(value: bytes, charset: bytes, holds: Holds, also: tuple[str, ...]) -> bytes:
    text = decode(value, charset)
    if text is None:
        return b""
    values = [without_strangers(one, holds, also) for one in text.split("\\")]
    return value if "\\".join(values) == text else (encode("\\".join(values), charset) or b"") if any(values) else b""
