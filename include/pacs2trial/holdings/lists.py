"""Pages of lists for people: subjects, patients, studies, series. The ledger alone answers, no object is opened.

Each page costs the same number of statements, however many rows are on it and however many there are in all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select

from pacs2trial.holdings.ledger import Entity, Narrowing, Totals
from pacs2trial.holdings.levels import Level
from pacs2trial.holdings.view import View
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import HeldStudy, Judgement, Subject, TrialInstance


@dataclass(frozen=True)
class Line:
    """A patient, study or series as its scope names it.

    Attributes:
        owner: subject key, or the patient's code in staging.
        study, series: UIDs of the scope; empty at a higher level.
        representative: an instance of the ledger that speaks for it.
        studies, series_count, instances: how many.
    """

    owner: str
    study: str
    series: str
    representative: int
    modalities: tuple[str, ...]
    studies: int
    series_count: int
    instances: int


def lines(view: View, level: Level, narrowing: Narrowing, *, limit: int, offset: int = 0) -> list[Line]:
    """One page of what a scope holds, in the ledger's order.

    Args:
        view: whose.
        level: PATIENT, STUDY or SERIES.
        narrowing: by UIDs of staging.
        limit: at most so many.
        offset: so many are passed over.
    """
    with view.ws.vault.session(read_only=True) as session:
        page = view.ledger.entities(session, level, narrowing, limit=limit, offset=offset)
        totals = view.ledger.totals(session, level, page)
    shown = view.shown({uid for entity in page for uid in entity.keys[1:]})
    return [_line(entity, totals.get(entity.keys, Totals()), shown) for entity in page]


def in_staging(view: View, uids: Sequence[str]) -> dict[str, str]:
    """The UIDs of staging for UIDs of the scope; unknown ones are left out."""
    with view.ws.vault.session(read_only=True) as session:
        return view.staged(session, uids)


@dataclass(frozen=True)
class SubjectPage:
    """Subject keys of one page, and how many there are in all."""

    keys: tuple[str, ...]
    total: int


def subjects(
    vault: Vault, trial: str, *, text: str = "", waiting: bool = False, limit: int, offset: int = 0
) -> SubjectPage:
    """Subjects of a trial that are not withdrawn, ordered by key.

    Args:
        vault: the vault.
        trial: the trial.
        text: only keys with this in them.
        waiting: only those of whom an instance or a study is held for a person.
        limit: at most so many.
        offset: so many are passed over.
    """
    query = select(Subject.key).where(Subject.trial == trial, Subject.withdrawn_at.is_(None))
    if text:
        query = query.where(Subject.key.icontains(text, autoescape=True))
    if waiting:
        held = select(TrialInstance.subject_id).where(
            TrialInstance.trial == trial, TrialInstance.state == Judgement.HELD
        )
        doubtful = select(HeldStudy.subject_id).where(HeldStudy.trial == trial)
        query = query.where(or_(Subject.id.in_(held), Subject.id.in_(doubtful)))
    with vault.session(read_only=True) as session:
        total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
        keys = session.scalars(query.order_by(Subject.key).limit(limit).offset(offset)).all()
    return SubjectPage(tuple(keys), total)


def _line(entity: Entity, totals: Totals, shown: Mapping[str, str]) -> Line:
    owner, study, series = (*entity.keys, "", "")[:3]
    return Line(
        owner=owner,
        study=shown[study] if study else "",
        series=shown[series] if series else "",
        representative=entity.representative,
        modalities=tuple(sorted(filter(None, totals.modalities))),
        studies=len(totals.studies),
        series_count=len(totals.series),
        instances=totals.instances,
    )
