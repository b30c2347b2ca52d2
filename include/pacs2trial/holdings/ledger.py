"""What a scope holds, asked of the ledger: pages of entities, what is counted over them, the contents behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, literal, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from pacs2trial.collect.chosen import CHOSEN, Chosen, let_through
from pacs2trial.holdings.levels import Level
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import (
    HeldStudy,
    Identifier,
    Instance,
    InstanceState,
    StagedVersion,
    Subject,
    TrialInstance,
)

Column = InstrumentedAttribute[Any] | ColumnElement[Any]

_BELOW_PATIENT = (Instance.study, Instance.series, Instance.sop_instance)
_PAIRS = 200


@dataclass(frozen=True)
class Narrowing:
    """What the ledger can decide; ``None`` narrows nothing, an empty tuple leaves nothing. UIDs are those of staging.

    ``dates``: first and last study date; a study whose date the ledger does not know stays.
    """

    owners: tuple[str, ...] | None = None
    studies: tuple[str, ...] | None = None
    series: tuple[str, ...] | None = None
    sop_instances: tuple[str, ...] | None = None
    modalities: tuple[str, ...] | None = None
    modalities_in_study: tuple[str, ...] | None = None
    sop_classes: tuple[str, ...] | None = None
    dates: tuple[date, date] | None = None


@dataclass(frozen=True)
class Entity:
    """A patient, study, series or instance: its unique keys from the patient down, UIDs of staging, and one object."""

    keys: tuple[str, ...]
    representative: int
    """Instance of the ledger whose header speaks for the entity."""


@dataclass
class Totals:
    """What is counted over all objects of one entity."""

    studies: set[str] = field(default_factory=set)
    series: set[str] = field(default_factory=set)
    modalities: set[str] = field(default_factory=set)
    sop_classes: set[str] = field(default_factory=set)
    instances: int = 0


@dataclass(frozen=True)
class Content:
    """One object that a scope shows, by its staging pseudonyms; ``subject_id`` and ``revision`` are 0 in staging."""

    chosen: Chosen
    owner: str
    sop_class: str
    modality: str
    subject_id: int
    revision: int


@dataclass(frozen=True)
class Ledger:
    """The rows that one scope shows. ``trial`` is empty for staging."""

    trial: str = ""

    def entities(
        self, session: Session, level: Level, narrowing: Narrowing, *, limit: int, offset: int = 0
    ) -> list[Entity]:
        """One page of entities, in an order that says nothing of dates or arrival: by their keys."""
        keys = self._keys(level)
        order = keys[1:] + keys[:1]
        query = self._rows(*keys, func.min(Instance.id))
        page = self._narrowed(query, narrowing).group_by(*keys).order_by(*order).limit(limit).offset(offset)
        return [Entity(tuple(row[:-1]), row[-1]) for row in session.execute(page)]

    def totals(self, session: Session, level: Level, entities: Sequence[Entity]) -> dict[tuple[str, ...], Totals]:
        """What is counted over all objects of each entity, by its keys."""
        keys = self._keys(level)
        others = (Instance.study, Instance.series, Instance.modality, Instance.sop_class)
        found: dict[tuple[str, ...], Totals] = defaultdict(Totals)
        for batch in batches(entities, _PAIRS):
            wanted = tuple_(*keys).in_([entity.keys for entity in batch])
            query = self._rows(*keys, *others, func.count(Instance.id)).where(wanted).group_by(*keys, *others)
            for row in session.execute(query):
                study, series, modality, sop_class, instances = row[len(keys) :]
                totals = found[tuple(row[: len(keys)])]
                totals.studies.add(study)
                totals.series.add(series)
                totals.modalities.add(modality)
                totals.sop_classes.add(sop_class)
                totals.instances += instances
        return found

    def contents(self, session: Session, instance_ids: Iterable[int]) -> dict[int, Content]:
        """The contents of instances that this scope shows, by instance."""
        found: dict[int, Content] = {}
        for batch in batches(instance_ids):
            for content in self._read(session, self._content().where(Instance.id.in_(batch))):
                found[content.chosen.instance_id] = content
        return found

    def all_contents(self, session: Session, narrowing: Narrowing) -> list[Content]:
        """The contents of every object that a retrieval names, by study, series and instance."""
        return self._read(session, self._narrowed(self._content(), narrowing).order_by(*_BELOW_PATIENT))

    def _read(self, session: Session, query: Select[Any]) -> list[Content]:
        rows = session.execute(query).all()
        size = len(CHOSEN) + 1
        return [Content(Chosen(*row[:size]), *row[size:]) for row in rows]

    def _content(self) -> Select[Any]:
        if self.trial:
            of_trial = (Subject.id, Subject.revision)
            return self._rows(
                *CHOSEN, TrialInstance.mask, self._owner, Instance.sop_class, Instance.modality, *of_trial
            )
        nobody: ColumnElement[int] = func.coalesce(None, 0)
        unmasked: ColumnElement[str] = literal("")
        return self._rows(*CHOSEN, unmasked, self._owner, Instance.sop_class, Instance.modality, nobody, nobody)

    @property
    def _owner(self) -> Column:
        return Subject.key if self.trial else Identifier.code

    def _keys(self, level: Level) -> tuple[Column, ...]:
        return (self._owner, *_BELOW_PATIENT[: int(level)])

    def _rows(self, *columns: Column) -> Select[Any]:
        """Everything that is shown: staged, its file there; for a trial what its filter let through, beyond doubt."""
        there = (Instance.state == InstanceState.STAGED, StagedVersion.removed_at.is_(None))
        if not self.trial:
            return (
                select(*columns)
                .select_from(Instance)
                .join(Identifier, Identifier.id == Instance.identifier_id)
                .join(StagedVersion, (StagedVersion.instance_id == Instance.id) & StagedVersion.current)
                .where(*there)
            )
        in_doubt = exists().where(
            HeldStudy.trial == self.trial,
            HeldStudy.subject_id == TrialInstance.subject_id,
            HeldStudy.study == Instance.study,
        )
        return let_through(self.trial, *columns).where(
            *there, StagedVersion.id.is_not(None), Subject.withdrawn_at.is_(None), ~in_doubt
        )

    def _narrowed(self, query: Select[Any], by: Narrowing) -> Select[Any]:
        for column, values in (
            (self._owner, by.owners),
            (Instance.study, by.studies),
            (Instance.series, by.series),
            (Instance.sop_instance, by.sop_instances),
            (Instance.modality, by.modalities),
            (Instance.sop_class, by.sop_classes),
        ):
            if values is not None:
                query = query.where(column.in_(values))
        if by.modalities_in_study is not None:
            with_these = self._rows(Instance.study).where(Instance.modality.in_(by.modalities_in_study))
            query = query.where(Instance.study.in_(with_these))
        if by.dates is not None:
            query = query.where(or_(Instance.study_date.is_(None), Instance.study_date.between(*by.dates)))
        return query
