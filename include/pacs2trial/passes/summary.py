"""What a run came to, in a few lines that may leave the hospital: counts and subject keys, no identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from pacs2trial.staging.balance import Balance
from pacs2trial.vault.tables import Delivery, PackageRow, PackageState, Review, Run, Subject
from pacs2trial.workspace import Workspace

MOST_NAMED = 20
"""Subjects that the summary names; of more it says the number."""

_COUNTED = ("expected", "staged", "collected", "held", "missing", "failed", "waiting", "undecided")


@dataclass(frozen=True)
class Summary:
    """What became of a trial since a run was planned.

    Attributes:
        made: packages made or made anew.
        delivered: contents that arrived somewhere.
        held: subjects with instances that wait for a person.
        in_review: subjects with a content about which nobody has decided.
    """

    subjects: int
    made: int
    delivered: int
    held: tuple[str, ...]
    in_review: tuple[str, ...]
    balance: tuple[tuple[str, int], ...]

    @property
    def waits(self) -> bool:
        """Whether anything waits for a person."""
        return bool(self.held or self.in_review)

    def lines(self) -> list[str]:
        """The summary for people."""
        lines = [
            f"{self.subjects} subjects; {self.made} packages made, {self.delivered} deliveries.",
            "Instances: " + ", ".join(f"{number} {name}" for name, number in self.balance) + ".",
        ]
        for what, keys in (("Held for a person", self.held), ("Waiting for review", self.in_review)):
            if keys:
                more = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
                lines.append(f"{what}: {', '.join(keys[:MOST_NAMED])}{more}.")
        return lines


def summary(ws: Workspace, trial: str, run_key: str, balances: Sequence[Balance]) -> Summary:
    """What a run came to, or more exactly what happened in its trial since it was planned.

    Args:
        ws: the site.
        trial: the trial.
        run_key: key of the run.
        balances: of its subjects.
    """
    with ws.vault.session(read_only=True) as session:
        since = session.scalars(select(Run.planned_at).where(Run.key == run_key)).one()
        made = select(func.count()).where(PackageRow.trial == trial, PackageRow.made_at >= since)
        delivered = select(func.count()).where(Delivery.trial == trial, Delivery.delivered_at >= since)
        in_review = (
            select(Subject.key)
            .join(PackageRow, PackageRow.subject_id == Subject.id)
            .join(
                Review,
                (Review.subject_id == Subject.id)
                & (Review.trial == trial)
                & (Review.content_digest == PackageRow.content_digest),
            )
            .where(PackageRow.trial == trial, PackageRow.state != PackageState.SUPERSEDED)
            .where(Review.answered_at.is_(None), Subject.withdrawn_at.is_(None))
            .distinct()
            .order_by(Subject.key)
        )
        return Summary(
            subjects=len(balances),
            made=session.scalar(made) or 0,
            delivered=session.scalar(delivered) or 0,
            held=tuple(line.subject_key for line in balances if line.held),
            in_review=tuple(session.scalars(in_review)),
            balance=tuple(
                (name, number)
                for name in _COUNTED
                if (number := sum(getattr(line, name) for line in balances)) or name in ("expected", "staged")
            ),
        )
