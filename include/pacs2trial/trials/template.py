"""Text with places for values of the subject: ``TP-{timepoint}``, ``{lookup.arm}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

SUBJECT_KEY: Final = "subject_key"
LOOKUP: Final = "lookup."

ALWAYS_KNOWN: Final = (SUBJECT_KEY, "trial", "site")
"""Names that need no column: the subject key, the trial and the site's id in it."""

NEVER_WRITTEN: Final = ("patient_id", "issuer", "alias", "accession_number", "study_date_from", "study_date_to")
"""Columns of a key table that say who the patient is in the hospital."""

_PLACE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True)
class Template:
    """Literal texts and names in their order; a name is ``(name,)``."""

    parts: tuple[str | tuple[str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it asks for, each once, in their order."""
        return tuple(dict.fromkeys(part[0] for part in self.parts if isinstance(part, tuple)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names that are columns of the key table."""
        return tuple(name for name in self.names if name not in ALWAYS_KNOWN and not name.startswith(LOOKUP))

    @property
    def lookups(self) -> tuple[str, ...]:
        """The look-ups that it asks for."""
        return tuple(name.removeprefix(LOOKUP) for name in self.names if name.startswith(LOOKUP))

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with its places filled.

        Raises:
            KeyError: the name that has no value.
        """
        return "".join(values[part[0]] if isinstance(part, tuple) else part for part in self.parts)


@lru_cache(maxsize=1024)
def template_of(text: str) -> Template:
    """The template that ``text`` writes; ``{{`` and ``}}`` stand for the signs themselves.

    Raises:
        ValueError: a brace is alone or a name is empty, or names what must not leave.
    """
    parts: list[str | tuple[str]] = []
    end = 0
    for found in _PLACE.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if found.group() in ("{{", "}}"):
            parts.append(found.group()[0])
        elif found[1] is None:
            raise ValueError("a brace has no partner: write {column}, and {{ or }} for the sign itself")
        else:
            parts.append((_name(found[1]),))
    parts.append(text[end:])
    return Template(tuple(part for part in parts if part))


def _name(text: str) -> str:
    name = text.strip()
    if not name:
        raise ValueError("{} names nothing: write {column} or {lookup.name}")
    if name in NEVER_WRITTEN:
        raise ValueError(f"{{{name}}} says who the patient is in the hospital, and never leaves")
    return name
