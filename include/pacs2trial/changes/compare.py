"""A package beside the version of it that was delivered before."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pacs2trial.changes.members import PackedInstance, members_of
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Delivery, PackageMember, PackageRow, StagedVersion, Subject, TrialInstance
from pacs2trial.workspace import Workspace

OTHER_CONTENT = "another content came"
OTHER_RULES = "same object, made by other rules or another key row"


class What(StrEnum):
    """What became of an object between two versions of a package."""

    ADDED = "added"
    REMOVED = "removed"
    REPLACED = "replaced"
    REKEYED = "re-keyed"


@dataclass(frozen=True, slots=True)
class Change:
    """One object that is not as it was delivered; all names are the trial's.

    Attributes:
        subject: under which it is now; empty when it is in no package of the trial any more.
        before: the subject key under which it was delivered; empty when it was not.
        because: of a replaced one: whether it came anew or is made otherwise.
    """

    what: What
    subject: str
    before: str
    study: str
    series: str
    sop_instance: str
    modality: str
    because: str = ""


@dataclass(frozen=True)
class Changes:
    """What a package holds otherwise than the last version that left.

    Attributes:
        package_id: of the version that is looked at.
        package: its file name.
        subject_key: whose.
        version: its number.
        since_version: of the one that was delivered; None if none was, so that all objects are new to the trial.
        since_digest: its content digest, empty if there is none.
        since: when it was delivered last.
        because: what decides bytes and is not as it was: ``staged`` for the objects, ``rules``, ``key_row`` and others.
        objects: by series and instance.
    """

    package_id: int
    package: str
    subject_key: str
    version: int
    since_version: int | None
    since_digest: str
    since: datetime | None
    because: tuple[str, ...]
    objects: tuple[Change, ...]

    def counts(self) -> dict[str, int]:
        """How many objects were added, removed, replaced, re-keyed."""
        counted = Counter(one.what for one in self.objects)
        return {what.value: counted[what] for what in What}

    def words(self) -> str:
        """The same for people."""
        if self.since_version is None:
            return "first"
        told = [f"{number} {what}" for what, number in self.counts().items() if number]
        return ", ".join(told) or "nothing"


def changes_of(ws: Workspace, package_id: int) -> Changes:
    """Compare a version of a package with the last one before it that was delivered to anybody."""
    with ws.vault.session(read_only=True) as session:
        row = session.get_one(PackageRow, package_id)
        subject = session.get_one(Subject, row.subject_id)
        earlier = _delivered_before(session, row)
        now = members_of(session, row.trial, [row.id])
        before = members_of(session, row.trial, [package.id for package, _when in earlier])
        if row.study:
            before = [one for one in before if one.study == row.study]
        objects = tuple(_changes(session, row, subject.key, now, before)) if earlier else ()
    newest, when = max(earlier, key=lambda pair: pair[1]) if earlier else (None, None)
    return Changes(
        package_id=package_id,
        package=row.path.rpartition("/")[2],
        subject_key=subject.key,
        version=row.version,
        since_version=newest.version if newest else None,
        since_digest=newest.content_digest if newest else "",
        since=when,
        because=_differences(ws, newest.inputs, row.inputs) if newest else (),
        objects=objects,
    )


def _delivered_before(session: Session, row: PackageRow) -> list[tuple[PackageRow, datetime]]:
    """The versions that were delivered last, before this one was; several where packages were per study then."""
    first = session.scalar(select(func.min(Delivery.delivered_at)).where(Delivery.package_id == row.id))
    query = (
        select(PackageRow, func.max(Delivery.delivered_at))
        .join(Delivery, Delivery.package_id == PackageRow.id)
        .where(PackageRow.trial == row.trial, PackageRow.subject_id == row.subject_id, PackageRow.id != row.id)
        .group_by(PackageRow.id)
        .order_by(func.max(Delivery.delivered_at))
    )
    if first is not None:
        query = query.where(Delivery.delivered_at < first)
    last: dict[str, tuple[PackageRow, datetime]] = {}
    for package, when in session.execute(query):
        last[package.study] = (package, when)
    same = last.get(row.study)
    if same is not None:
        return [same]
    return [last[""]] if "" in last else [] if row.study else list(last.values())


def _changes(
    session: Session, row: PackageRow, key: str, now: Sequence[PackedInstance], before: Sequence[PackedInstance]
) -> Iterator[Change]:
    was = {one.instance_id: one for one in before}
    found: list[tuple[PackedInstance, Change]] = []
    new = [one for one in now if one.instance_id not in was]
    gone = [one for one in before if one.instance_id not in {each.instance_id for each in now}]
    from_others = _delivered_of_others(session, row, [one.instance_id for one in new])
    to_others = _others_now(session, row, [one.instance_id for one in gone])
    for one in now:
        earlier = was.get(one.instance_id)
        if earlier is None:
            other = from_others.get(one.instance_id, "")
            found.append((one, _change(What.REKEYED if other else What.ADDED, one, key, other)))
        elif earlier.sha256 != one.sha256:
            because = OTHER_CONTENT if earlier.version_id != one.version_id else OTHER_RULES
            found.append((one, _change(What.REPLACED, one, key, key, because)))
    for one in gone:
        other = to_others.get(one.instance_id, "")
        found.append((one, _change(What.REKEYED if other else What.REMOVED, one, other, key)))
    for _, change in sorted(found, key=lambda pair: (pair[0].study, pair[0].series, pair[0].sop_instance)):
        yield change


def _change(what: What, one: PackedInstance, subject: str, before: str, because: str = "") -> Change:
    return Change(what, subject, before, one.study, one.series, one.sop_instance, one.modality, because)


def _delivered_of_others(session: Session, row: PackageRow, instances: Sequence[int]) -> Mapping[int, str]:
    """The other subject keys of the trial under which instances were delivered last."""
    found: dict[int, str] = {}
    for some in batches(instances):
        query = (
            select(StagedVersion.instance_id, Subject.key)
            .join(PackageMember, PackageMember.version_id == StagedVersion.id)
            .join(PackageRow, PackageRow.id == PackageMember.package_id)
            .join(Delivery, Delivery.package_id == PackageRow.id)
            .join(Subject, Subject.id == PackageRow.subject_id)
            .where(StagedVersion.instance_id.in_(some), PackageRow.trial == row.trial, Subject.id != row.subject_id)
            .order_by(Delivery.delivered_at)
        )
        found.update((instance, key) for instance, key in session.execute(query))
    return found


def _others_now(session: Session, row: PackageRow, instances: Sequence[int]) -> Mapping[int, str]:
    """The other subject keys under which the trial judges instances now."""
    found: dict[int, str] = {}
    for some in batches(instances):
        query = (
            select(TrialInstance.instance_id, Subject.key)
            .join(Subject, Subject.id == TrialInstance.subject_id)
            .where(TrialInstance.trial == row.trial, TrialInstance.instance_id.in_(some), Subject.id != row.subject_id)
        )
        found.update((instance, key) for instance, key in session.execute(query))
    return found


def _differences(ws: Workspace, earlier: str, now: str) -> tuple[str, ...]:
    before, after = (json.loads(ws.vault.pinned(digest)).get("decides", {}) for digest in (earlier, now))
    return tuple(sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)))
