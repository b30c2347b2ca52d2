"""A question to a look-up: with what it is asked. It may hold a patient ID, so it is never shown nor stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pacs2trial.vault import Vault


@dataclass(frozen=True)
class Question:
    """What one look-up is asked for one subject or object.

    Attributes:
        lookup: its name.
        asked_with: pairs of name and value, sorted by name.
    """

    lookup: str
    asked_with: tuple[tuple[str, str], ...] = field(repr=False)

    @classmethod
    def of(cls, lookup: str, values: Mapping[str, str]) -> Question:
        return cls(lookup, tuple(sorted(values.items())))

    @property
    def lacks(self) -> tuple[str, ...]:
        """Names whose value is empty, so that nothing can be asked."""
        return tuple(name for name, value in self.asked_with if not value)

    def fingerprint(self, vault: Vault) -> str:
        """A keyed digest by which the vault recognises the question."""
        return vault.fingerprint(json.dumps([self.lookup, self.asked_with], ensure_ascii=False).encode())
