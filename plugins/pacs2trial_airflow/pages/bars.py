"""Balances as bars: what arrived, and what the trial does with it. Each is a row of disjoint counts (promise 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pacs2trial.staging.balance import Balance

_ARRIVED: Final = (
    ("staged", "staged", "good"),
    ("waiting", "still to come", "idle"),
    ("quarantined", "in quarantine", "wait"),
    ("rejected", "rejected", "off"),
    ("failed", "failed", "bad"),
    ("missing", "missing", "bad"),
)
_JUDGED: Final = (
    ("collected", "in a package", "good"),
    ("accepted", "let through", "ready"),
    ("undecided", "not yet judged", "idle"),
    ("held", "held for a person", "wait"),
    ("refused", "refused", "off"),
    ("not_wanted", "not wanted", "off"),
)
"""Count of a balance, its words, its colour."""


@dataclass(frozen=True)
class Part:
    """One count: ``kind`` is its colour; ``start`` and ``share`` are per cent of the bar."""

    name: str
    kind: str
    number: int
    start: float
    share: float


@dataclass(frozen=True)
class Bar:
    """Counts that add up to ``total``."""

    total: int
    parts: Sequence[Part]

    @property
    def shown(self) -> list[Part]:
        """The parts that are not zero."""
        return [part for part in self.parts if part.number]


@dataclass(frozen=True)
class Bars:
    """A balance in two bars."""

    balance: Balance
    arrived: Bar
    judged: Bar

    @classmethod
    def of(cls, balance: Balance) -> Bars:
        return cls(balance, _bar(balance, _ARRIVED), _bar(balance, _JUDGED))

    @property
    def waits(self) -> int:
        """Instances that a person has to decide about."""
        return self.balance.held

    @property
    def word(self) -> tuple[str, str]:
        """Where the whole stands, in a word and its colour."""
        counts = self.balance
        if counts.held:
            return "held", "wait"
        if counts.failed or counts.missing:
            return "incomplete", "bad"
        if counts.waiting or counts.undecided:
            return "on its way", "idle"
        if counts.accepted:
            return "to be packed", "ready"
        return ("packed", "good") if counts.collected else ("nothing yet", "idle")


def _bar(balance: Balance, counts: Sequence[tuple[str, str, str]]) -> Bar:
    numbers = [(name, kind, int(getattr(balance, count))) for count, name, kind in counts]
    total, done, parts = sum(number for *_, number in numbers), 0, []
    for name, kind, number in numbers:
        start, end = (round(100 * place / (total or 1), 3) for place in (done, done + number))
        parts.append(Part(name, kind, number, start, round(end - start, 3)))
        done += number
    return Bar(total, parts)
