"""Table E.1-1 of PS3.15 as the standard prints it, apart from what the product reads."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).parents[1] / "standard" / "ps315_2026d_table_e1-1.json"
_NAMES = {
    "retain_longitudinal_full_dates": "retain_full_dates",
    "retain_longitudinal_modified_dates": "retain_modified_dates",
}


class Row(NamedTuple):
    """One row: ``tag`` as the table has it (``60xx3000``, ``PRIVATE``), options by our names."""

    tag: str
    name: str
    basic: str
    options: dict[str, str]

    @property
    def number(self) -> int | None:
        """The tag; None for a row that stands for many."""
        return int(self.tag, 16) if all(c in "0123456789ABCDEF" for c in self.tag) else None


@cache
def rows() -> tuple[Row, ...]:
    """All 657 rows."""
    found = json.loads(_FILE.read_text("utf-8"))["rules"]
    return tuple(
        Row(
            one["tag"],
            one["name"],
            one["basic"],
            {_NAMES.get(name, name): code for name, code in one["options"].items()},
        )
        for one in found
    )
