"""The series of a subject under review."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select

from pacs2trial.review.current import subject_id
from pacs2trial.vault.tables import Instance, PackageMember, PackageRow, PackageState, SeriesDecision, StagedVersion
from pacs2trial.workspace import Workspace


@dataclass(frozen=True)
class SeriesItem:
    """One series of a subject as reviewers see it.

    Attributes:
        study: Study Instance UID as it leaves.
        series: Series Instance UID as it leaves.
        staged_study: its study in staging.
        staged_series: itself in staging.
        modality: of its objects.
        instances: how many of them stood in the newest package that held it.
        in_force: whether it stands in a package in force.
        answer: ``rejected``, ``held`` or empty.
        reason: why it is kept back.
        decided_by: who decided that, empty if nobody did.
        decided_at: when.
    """

    study: str
    series: str
    staged_study: str
    staged_series: str
    modality: str
    instances: int
    in_force: bool
    answer: str = ""
    reason: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None


def series_of(ws: Workspace, trial: str, subject_key: str) -> list[SeriesItem]:
    """Every series that stood in a package of the subject or is kept back, ordered by study and modality.

    Raises:
        InputError: the trial has no such subject.
    """
    with ws.vault.session(read_only=True) as session:
        subject = subject_id(session, trial, subject_key)
        decisions = {
            one.series: one
            for one in session.scalars(
                select(SeriesDecision).where(SeriesDecision.trial == trial, SeriesDecision.subject_id == subject)
            )
        }
        found: dict[str, SeriesItem] = {}
        for row in session.execute(_packed(trial, subject)):
            _subject, study, series, _instance = row.name.split("/")
            made = decisions.get(row.series)
            found[row.series] = SeriesItem(
                study=study,
                series=series,
                staged_study=row.study,
                staged_series=row.series,
                modality=row.modality,
                instances=row.number,
                in_force=row.state != PackageState.SUPERSEDED,
                answer=made.answer if made else "",
                reason=made.reason if made else "",
                decided_by=made.decided_by if made else "",
                decided_at=made.decided_at if made else None,
            )
    shown = [one for one in found.values() if one.in_force or one.answer]
    return sorted(shown, key=lambda one: (one.study, one.modality, one.series))


def _packed(trial: str, subject: int) -> Select[str, str, str, str, str, int]:
    """Each series of each version of the subject's packages, later versions behind earlier ones."""
    return (
        select(
            Instance.study,
            Instance.series,
            Instance.modality,
            PackageRow.state,
            func.min(PackageMember.name).label("name"),
            func.count().label("number"),
        )
        .select_from(PackageRow)
        .join(PackageMember, PackageMember.package_id == PackageRow.id)
        .join(StagedVersion, StagedVersion.id == PackageMember.version_id)
        .join(Instance, Instance.id == StagedVersion.instance_id)
        .where(PackageRow.trial == trial, PackageRow.subject_id == subject)
        .group_by(PackageRow.id, PackageRow.state, Instance.study, Instance.series, Instance.modality)
        .order_by(PackageRow.id)
    )
