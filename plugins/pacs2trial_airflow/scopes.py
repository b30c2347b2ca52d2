"""What a path of the plugin's services names, by form."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Path

UID_PATTERN: Final = r"^[0-9.]{1,64}$"

ScopeName = Annotated[str, Path(pattern=r"^[A-Z0-9_-]{1,32}$")]
Study = Annotated[str, Path(pattern=UID_PATTERN)]
Series = Annotated[str, Path(pattern=UID_PATTERN)]
Instance = Annotated[str, Path(pattern=UID_PATTERN)]
SubjectKey = Annotated[str, Path(min_length=1, max_length=64)]
