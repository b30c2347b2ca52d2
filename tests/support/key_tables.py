"""Key tables as a trial centre would write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pacs2trial.keytable import KeyTableRow, read_key_table

Table = Callable[..., list[KeyTableRow]]
"""``table(*lines, columns=…)``: see :func:`rows`."""


def rows(folder: Path, *lines: str, columns: Sequence[str] = ()) -> list[KeyTableRow]:
    """The rows of a CSV file with these lines; ``columns`` are those after patient_id and subject_key."""
    path = folder / "lungart.csv"
    path.write_text("\n".join([",".join(["patient_id", "subject_key", *columns]), *lines]) + "\n", "utf-8")
    return read_key_table(path)
