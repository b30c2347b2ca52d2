"""Telling by one question to the vault that nothing has changed of a subject since it was collected.

The mark of a subject is a keyed digest of everything that its packages are made of, as the vault has it: instances and
judgements, versions that are used, masks, studies in doubt, key row; and of the definition, its plan and the release. A
package whose file has the size and time of change that it had is taken for the one that was written; before it leaves
its SHA-256 is looked at anyway.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, CompoundSelect, Select, Text, cast, func, literal, select, union_all, update
from sqlalchemy.orm import InstrumentedAttribute

from pacs2trial import __version__
from pacs2trial.collect.made import PackageMade
from pacs2trial.keytable import EnrolledSubject
from pacs2trial.profile import Plan
from pacs2trial.staging.versions import is_used
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.load import canonical
from pacs2trial.vault.database import insert_new
from pacs2trial.vault.tables import (
    CollectedSubject,
    HeldStudy,
    Identifier,
    Instance,
    Judgement,
    PackageRow,
    PackageState,
    StagedVersion,
    Subject,
    TrialInstance,
)
from pacs2trial.workspace import Workspace

Row = tuple[str, ...]

_COLUMNS: Final = 10
_INSTANCE, _DOUBT, _SUBJECT, _PACKAGE, _REMEMBERED = "instance", "doubt", "subject", "package", "remembered"


@dataclass(frozen=True)
class Standing:
    """How a subject stands in the vault at one moment.

    Attributes:
        mark: of what its packages are made of.
        packages: those in force whose files were not cleaned up, as remembered before; None if nothing was, or if that
            is not how it stands now.
    """

    mark: str
    packages: list[PackageMade] | None


def standing(ws: Workspace, definition: TrialDefinition, plan: Plan, subject: EnrolledSubject) -> Standing:
    """Ask once how a subject stands.

    A trial whose rules ask other tables of the hospital is never unchanged by this alone: their answers may be others.
    """
    with ws.vault.session(read_only=True) as session:
        rows = [tuple(row) for row in session.execute(_question(definition.trial, subject.subject_id))]
    about = [_plain(row) for row in rows if row[0] in (_INSTANCE, _DOUBT, _SUBJECT)]
    content = [
        canonical(definition).decode(),
        plan.digest,
        __version__,
        [subject.person_id, subject.revision, sorted(subject.columns.items())],
        [sorted(visit.columns.items()) for visit in subject.visits],
        sorted(about),
    ]
    mark = ws.vault.fingerprint(json.dumps(content).encode())
    open_ends = any(row[0] == _DOUBT or row[4] == Judgement.ACCEPTED for row in rows)
    return Standing(mark, None if definition.lookups or open_ends else _remembered(ws, rows, mark))


def remember(ws: Workspace, subject: EnrolledSubject, trial: str, mark: str, made: Sequence[PackageMade]) -> None:
    """Write down what was made of a subject that stood as ``mark`` says."""
    told = [
        asdict(each) | {"path": name, "address": "", "changed_at": _changed_at(ws, name)}
        for each in made
        for name in [each.path.relative_to(ws.packages.folder).as_posix()]
    ]
    which = {"trial": trial, "subject_id": subject.subject_id}
    said = {"mark": mark, "packages": json.dumps(told)}
    with ws.vault.session() as session:
        if not insert_new(session, CollectedSubject, [which | said]):
            session.execute(update(CollectedSubject).filter_by(**which).values(**said))


def _plain(row: Row) -> Row:
    """What is let through counts the same before and after it is collected."""
    return tuple(Judgement.COLLECTED if cell == Judgement.ACCEPTED else cell for cell in row)


def _remembered(ws: Workspace, rows: Sequence[Row], mark: str) -> list[PackageMade] | None:
    told = next((row for row in rows if row[0] == _REMEMBERED), None)
    if told is None or told[1] != mark:
        return None
    packages = json.loads(told[2])
    in_force = {row[1:5] for row in rows if row[0] == _PACKAGE}
    (revision,) = (row[3] for row in rows if row[0] == _SUBJECT)
    if in_force != {(str(one["package_id"]), one["content_digest"], one["sha256"], revision) for one in packages}:
        return None
    proven = {row[1] for row in rows if row[0] == _PACKAGE and row[5] == PackageState.VERIFIED}
    found = []
    for one in packages:
        name = one.pop("path")
        if one.pop("changed_at") != _changed_at(ws, name):
            return None
        where = {"path": ws.packages.folder / name, "address": ws.packages.address(name)}
        now = {"changed": False, "proven": str(one["package_id"]) in proven}
        found.append(PackageMade(**{**one, **where, **now}))
    return found


def _changed_at(ws: Workspace, name: str) -> list[int | str]:
    """What tells one writing of a file from the next, as far as it is there."""
    told = ws.packages.there(name)
    return told.mark if told is not None else []


def _question(trial: str, subject_id: int) -> CompoundSelect[Any]:
    instances = (
        _part(
            _INSTANCE,
            Instance.id,
            Instance.state,
            Instance.contents,
            func.coalesce(TrialInstance.state, ""),
            TrialInstance.subject_id,
            TrialInstance.contents,
            TrialInstance.mask,
            StagedVersion.id,
            StagedVersion.digest,
        )
        .select_from(Subject)
        .join(Identifier, Identifier.person_id == Subject.person_id)
        .join(Instance, Instance.identifier_id == Identifier.id)
        .outerjoin(TrialInstance, (TrialInstance.instance_id == Instance.id) & (TrialInstance.trial == trial))
        .outerjoin(StagedVersion, (StagedVersion.instance_id == Instance.id) & is_used())
        .where(Subject.id == subject_id)
    )
    doubts = _part(_DOUBT, HeldStudy.id, HeldStudy.reason).where(
        HeldStudy.trial == trial, HeldStudy.subject_id == subject_id
    )
    whose = _part(_SUBJECT, Subject.id, Subject.person_id, Subject.revision, Subject.withdrawn_at).where(
        Subject.id == subject_id
    )
    packages = _part(
        _PACKAGE, PackageRow.id, PackageRow.content_digest, PackageRow.sha256, PackageRow.revision, PackageRow.state
    ).where(
        PackageRow.trial == trial,
        PackageRow.subject_id == subject_id,
        PackageRow.state != PackageState.SUPERSEDED,
        PackageRow.removed_at.is_(None),
    )
    remembered = _part(_REMEMBERED, CollectedSubject.mark, CollectedSubject.packages).where(
        CollectedSubject.trial == trial, CollectedSubject.subject_id == subject_id
    )
    return union_all(instances, doubts, whose, packages, remembered)


def _part(kind: str, *columns: ColumnElement[Any] | InstrumentedAttribute[Any]) -> Select[Any]:
    """One of several questions whose answers have the same form: text in every column, empty for nothing."""
    told: list[ColumnElement[Any]] = [func.coalesce(cast(column, Text), "") for column in columns]
    told += [literal("")] * (_COLUMNS - 1 - len(told))
    question: Select[Any] = select(literal(kind), *told)
    return question
