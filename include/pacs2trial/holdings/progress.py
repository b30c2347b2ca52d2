"""How far a trial is over time: what arrived, was packed and was delivered, day by day (UTC)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Delivery, Identifier, Instance, PackageRow, Subject

DAYS: Final = 30


@dataclass(frozen=True)
class Day:
    """What happened on one day: instances that arrived, packages made, packages delivered."""

    day: date
    arrived: int
    packed: int
    delivered: int


def progress(vault: Vault, trial: str, *, today: date, days: int = DAYS) -> list[Day]:
    """The last ``days`` days up to ``today``, days on which nothing happened among them."""
    first = today - timedelta(days=days - 1)
    since = datetime.combine(first, time(), UTC)
    arrived = (
        select(_day(Instance.arrived_at), func.count(Instance.id))
        .select_from(Subject)
        .join(Identifier, Identifier.person_id == Subject.person_id)
        .join(Instance, Instance.identifier_id == Identifier.id)
        .where(Subject.trial == trial, Instance.arrived_at >= since)
    )
    packed = select(_day(PackageRow.made_at), func.count(PackageRow.id)).where(
        PackageRow.trial == trial, PackageRow.made_at >= since
    )
    delivered = select(_day(Delivery.delivered_at), func.count(Delivery.id)).where(
        Delivery.trial == trial, Delivery.delivered_at >= since
    )
    with vault.session(read_only=True) as session:
        counts = [_by_day(session, query) for query in (arrived, packed, delivered)]
    listed = [first + timedelta(days=number) for number in range(days)]
    return [Day(day, *(count.get(day, 0) for count in counts)) for day in listed]


def _day(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    return func.date(column)


def _by_day(session: Session, query: Select[Any]) -> dict[date, int]:
    first: ColumnElement[Any] = query.selected_columns[0]
    rows: Sequence[Any] = session.execute(query.group_by(first)).all()
    return {date.fromisoformat(str(day)): number for day, number in rows if day is not None}
