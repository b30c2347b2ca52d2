"""Pages of long lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar

from fastapi import Query

SIZE: Final = 50
_FARTHEST: Final = 1_000_000

Offset = Annotated[int, Query(ge=0, le=_FARTHEST)]
Text = Annotated[str, Query(max_length=64)]

Item = TypeVar("Item")


@dataclass(frozen=True)
class Paged(Generic[Item]):
    """One page: ``offset`` items stand before it; ``before`` and ``after`` are the offsets of its neighbours."""

    items: Sequence[Item]
    offset: int
    more: bool
    size: int = SIZE

    @property
    def before(self) -> int | None:
        return max(self.offset - self.size, 0) if self.offset else None

    @property
    def after(self) -> int | None:
        return self.offset + self.size if self.more else None


def paged(found: Sequence[Item], offset: int, size: int = SIZE) -> Paged[Item]:
    """The page of ``found``, of which at least one more was asked for than a page holds."""
    return Paged(found[:size], offset, len(found) > size, size)
