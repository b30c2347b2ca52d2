"""What rules of a trial's own do to one value, besides what the profile knows: replace, hash, set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pacs2trial.deidentify.charset import decode
from pacs2trial.deidentify.compiled import Apply, Result
from pacs2trial.deidentify.keeping import keep_by_vr
from pacs2trial.deidentify.padding import PADDING
from pacs2trial.deidentify.pieces import Code
from pacs2trial.profile.rules import Rule
from pacs2trial.trials.valueform import encoded_value
from pacs2trial.vault.pseudonyms import Original
from pacs2trial.vault.tables import Kind

if TYPE_CHECKING:
    from pacs2trial.deidentify.walk import Walk

_ONE_VALUE: Final = frozenset((b"LT", b"ST", b"UT"))


def replacing(rule: Rule, otherwise: Apply) -> Apply:
    """The first case that concerns the whole value decides; one that no case concerns is left to ``otherwise``.

    What passes from the value that was there is searched for the object's own identifiers, like everything kept.
    """
    vr = rule.vr.decode("ascii")
    keep = keep_by_vr(rule)

    def replace(walk: Walk, value: bytes) -> Result:
        stripped = value.strip(PADDING)
        text = decode(stripped, walk.charset) if stripped else ""
        if not text:
            return otherwise(walk, value)
        for case in rule.cases:
            new = case.of(text)
            if new is None:
                continue
            try:
                made = encoded_value(vr, new) if new.strip() else b""
            except ValueError:
                return otherwise(walk, value)
            return keep(walk, made) if case.passes_parts and made else made
        return otherwise(walk, value)

    return replace


def hashing(rule: Rule) -> Apply:
    """Each value becomes its pseudonym under the scope's key: equal values stay equal in the trial, and nobody who
    lacks the key can try values out (PS3.15 E.1.1 on hashes).
    """
    one_value = rule.vr in _ONE_VALUE

    def hash_values(walk: Walk, value: bytes) -> Result:
        stripped = value.strip(PADDING)
        if not stripped:
            return value if not value else b""
        text = decode(stripped, walk.charset)
        if text is None:
            text = stripped.decode("latin-1")
        originals = [_original(one) for one in ([text] if one_value else text.split("\\"))]
        walk.originals.update(dict.fromkeys(original for original in originals if original))
        return Code(rule.vr, *originals)

    return hash_values


def setting(otherwise: Apply | None) -> Apply:
    """The value has a slot at its level. Where a rule means the outermost level, ``otherwise`` decides below it."""

    def drop(walk: Walk, value: bytes) -> Result:
        return otherwise(walk, value) if otherwise is not None and walk.level else None

    return drop


def _original(text: str) -> Original | None:
    bare = text.strip()
    return Original(Kind.HASH, bare) if bare else None
