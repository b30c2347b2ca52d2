"""The balance of subjects: struck, as a table for the task log, and as sums for asset events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from pacs2trial.staging.balance import Balance
    from pacs2trial.workspace import Workspace

COLUMNS = (
    "expected",
    "unexpected",
    "staged",
    "quarantined",
    "rejected",
    "failed",
    "missing",
    "waiting",
    "collected",
    "accepted",
    "held",
    "refused",
    "not_wanted",
    "undecided",
)


def struck(ws: Workspace, trial: str, subject_keys: Sequence[str]) -> list[Balance]:
    """The balance as the ledger has it now, over the modalities that the trial wants."""
    from pacs2trial.staging.balance import balance

    return balance(ws.vault, trial, subject_keys, modalities=ws.definition(trial).source.modalities)


def totals(balances: Sequence[Balance]) -> dict[str, int]:
    """How many subjects, and the sum of each column over them."""
    return {"subjects": len(balances)} | {name: sum(getattr(line, name) for line in balances) for name in COLUMNS}


def log_balances(log: Logger, balances: Sequence[Balance]) -> None:
    """One line for each subject; columns that are zero for all of them are left out."""
    for line in table(balances):
        log.info("%s", line)


def table(balances: Sequence[Balance]) -> list[str]:
    """Head, one line a subject, and the sums."""
    sums = totals(balances)
    shown = [name for name in COLUMNS if sums[name] or name in ("expected", "staged", "collected")]
    rows = [["subject", *(name.replace("_", " ") for name in shown)]]
    rows += [[line.subject_key, *(str(getattr(line, name)) for name in shown)] for line in balances]
    rows.append([f"all {sums['subjects']}", *(str(sums[name]) for name in shown)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
