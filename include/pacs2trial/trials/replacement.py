"""Values that take the place of others: ``{old: new}``, or patterns for the whole value."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, Self

from pydantic import model_validator

from pacs2trial.trials.part import Part, Quoted, faults

LONGEST: Final = 1024
"""Characters of a value that a replacement looks at; a longer one is left to the next rule."""

_GROUP: Final = re.compile(r"\\([1-9]|g<)")


class Replacement(Part):
    r"""One value, or all values of a pattern, and the text that takes their place.

    Attributes:
        text: the whole value as it stands, less padding.
        pattern: a regular expression for the whole value.
        by: the new text; ``\1`` stands for what the first group of the pattern found.
    """

    text: Quoted | None = None
    pattern: Quoted | None = None
    by: Quoted

    @model_validator(mode="after")
    def _right(self) -> Self:
        if (self.text is None) == (self.pattern is None):
            raise ValueError("needs either text (a whole value) or pattern (a regular expression)")
        if self.pattern is not None:
            try:
                anything = re.compile(f"(?:{self.pattern})|").fullmatch("")
                re.compile(self.pattern)
            except re.error as error:
                raise faults((("pattern",), f"not a regular expression: {error}")) from None
            try:
                assert anything is not None
                anything.expand(self.by)
            except (re.error, IndexError) as error:
                raise faults((("by",), f"asks for what the pattern does not find: {error}")) from None
        return self

    @property
    def passes_parts(self) -> bool:
        """Whether parts of the value that was there pass into the new one."""
        return self.pattern is not None and _GROUP.search(self.by) is not None

    def of(self, value: str) -> str | None:
        """What takes the place of ``value``; None if this does not concern it."""
        if self.pattern is None:
            return self.by if value == self.text else None
        if len(value) > LONGEST:
            return None
        found = _compiled(self.pattern).fullmatch(value)
        return found.expand(self.by) if found else None


def as_list(value: Any) -> Any:
    """``{old: new}`` as the list of replacements that it stands for."""
    if isinstance(value, dict):
        return [{"text": old, "by": new} for old, new in value.items()]
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError('takes {"old value": "new value"}, or a list of {pattern: …, by: …}')
    return value


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
