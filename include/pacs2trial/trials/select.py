"""Which studies of a subject belong to a trial, besides those of its modalities: ``source.select``."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from pacs2trial.trials.part import Part, Quoted

_LONGEST = 36_500


class Days(Part):
    """Studies from so many days before to so many days after a day of the key table, both included."""

    column: Annotated[Quoted, Field(min_length=1)]
    before: Annotated[int, Field(ge=0, le=_LONGEST)] = 0
    after: Annotated[int, Field(ge=0, le=_LONGEST)] = 0


def _several(value: Any) -> Any:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list | tuple):
        # a ValueError, since pydantic gathers no other
        raise ValueError("must be text in quotes, or a list of such texts")  # noqa: TRY004
    return found


class Select(Part):
    """A study belongs when each field that is given says so; ``linked`` adds those that belonging ones refer to.

    Attributes:
        days: by Study Date (0008,0020).
        description: by Study Description (0008,1030): it matches one of these, whatever the case; ``*`` stands for any
            signs, ``?`` for one.
        linked: whether a study belongs too that an object of a belonging study refers to.
    """

    days: Days | None = None
    description: Annotated[tuple[Annotated[Quoted, Field(min_length=1)], ...], BeforeValidator(_several)] = ()
    linked: bool = False

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.days is None and not self.description:
            raise ValueError("selects by nothing; give days, description, or both")
        return self

    def described(self, description: str) -> bool:
        """Whether one of the patterns matches a Study Description."""
        plain = description.strip().casefold()
        return any(re.match(translate(pattern.casefold()), plain) for pattern in self.description)

    def words(self) -> str:
        """What is selected, for people."""
        said = []
        if self.days is not None:
            said.append(
                f"the study is from {self.days.before} days before to {self.days.after} days after the day in the key "
                f"table's column {self.days.column}"
            )
        if self.description:
            said.append(f"its description matches {' or '.join(repr(pattern) for pattern in self.description)}")
        linked = "; and studies that these refer to" if self.linked else ""
        return " and ".join(said) + linked
