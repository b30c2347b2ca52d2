"""A proof: one property of a package, looked at from outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

FINDINGS_KEPT = 200
"""More findings of one proof than this are counted, not listed."""


@dataclass(frozen=True)
class Proof:
    """Whether a property holds. ``findings`` say where it does not (member, attribute), never with what value."""

    name: str
    passed: bool
    findings: tuple[str, ...] = ()


def proof(name: str, findings: Iterable[str], *, remarks: Iterable[str] = ()) -> Proof:
    """A proof that is passed when there are no findings; remarks stand beside them and fail nothing."""
    found = list(dict.fromkeys(findings))
    more = len(found) - FINDINGS_KEPT
    listed = [*found[:FINDINGS_KEPT], f"and {more} more"] if more > 0 else found
    return Proof(name, not found, (*listed, *remarks))
