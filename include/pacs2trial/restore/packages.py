"""A package made again from exactly what it was made from: pinned definition, key-table version, staged contents."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.collect.chosen import CHOSEN, Chosen
from pacs2trial.collect.inputs import inputs_of
from pacs2trial.collect.layout import forget_beside, keep_package
from pacs2trial.collect.replacing import flush_folder
from pacs2trial.collect.stage2 import Addressed, Recipe, address, laid_out
from pacs2trial.collect.versions import Written, same_content
from pacs2trial.collect.writing import write_package
from pacs2trial.errors import InputError, PermanentError, TransientError
from pacs2trial.keytable import EnrolledSubject, enrolled
from pacs2trial.lookups import Recorded
from pacs2trial.profile.site_list import from_plan
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import (
    Identifier,
    Instance,
    KeyVersion,
    PackageMember,
    PackageRow,
    PackageState,
    StagedVersion,
    Subject,
    now,
)
from pacs2trial.verify.proof import Proof
from pacs2trial.verify.receipt import write_receipt
from pacs2trial.workspace import Workspace

DRAFTS = ".restore"
"""Folder below that of the trial's packages in which a package is made before it is compared."""


class Outcome(StrEnum):
    """How a package stands after restore."""

    INTACT = "intact"
    RESTORED = "restored"
    LISTED = "not restored"


@dataclass(frozen=True)
class RestoredPackage:
    """One package in force and what became of it; ``reason`` tells why it could not be made again."""

    path: str
    study: str
    content_digest: str
    outcome: Outcome
    reason: str = ""


def make_again(ws: Workspace, subject: Subject, row: PackageRow, absent: frozenset[int]) -> RestoredPackage:
    """Make a package again if its file is not what the vault recorded, and keep it only if its content is the same.

    Args:
        ws: the site.
        subject: whose package it is.
        row: the package.
        absent: staged contents that could not be brought back, by their rows.

    Raises:
        TransientError: the disk refused, or the place of packages could not be reached.
    """
    if ws.packages.holds(row.path, row.size, row.sha256):
        return _result(row, Outcome.INTACT)
    with ws.vault.session(read_only=True) as session:
        members = _members(session, row.id)
    gone = sum(each.version_id in absent for each in members)
    if gone:
        return _result(row, Outcome.LISTED, f"{gone} of its {len(members)} objects did not come back")
    pinned = ws.vault.pinned(row.inputs)
    try:
        recipe, addressed = _as_it_was(ws, subject, row, members, pinned)
        said = ws.vault.pinned(json.loads(pinned)["origin"]["statement"]).decode()
        written = _write(ws, recipe, row, addressed, said)
    except (InputError, PermanentError) as error:
        return _result(row, Outcome.LISTED, str(error))
    if written is None:
        return _result(row, Outcome.LISTED, "what was made again has another content; nothing was replaced")
    _record(ws, row, written, addressed)
    return _result(row, Outcome.RESTORED)


def _as_it_was(
    ws: Workspace, subject: Subject, row: PackageRow, members: Sequence[Chosen], pinned: bytes
) -> tuple[Recipe, list[Addressed]]:
    """The recipe that the package was made by.

    Raises:
        InputError: the vault or this release cannot give it any more; the message says what is different.
    """
    inputs = json.loads(pinned)
    origin = inputs["origin"]
    definition = TrialDefinition.model_validate_json(ws.vault.pinned(origin["definition"]))
    private = from_plan(ws.vault.pinned(inputs["decides"]["rules"]))
    enrolment = _enrolment(ws, subject, origin["key_version"]["number"])
    answers = Recorded(ws.vault, subject.trial, subject.id, inputs["decides"]["lookups"])
    differences: list[str] = []
    for person_id in _persons(ws, subject, members):
        recipe = Recipe.of(ws.vault, definition, replace(enrolment, person_id=person_id), private).completed(
            ws, enrolment, members, answers
        )
        addressed = laid_out(definition, address(recipe, members))
        differences = inputs_of(ws.vault, recipe, row.study, addressed, None).differences(pinned)
        if not differences:
            return recipe, addressed
    raise InputError(
        f"it was made by release {origin['release']} from inputs that cannot be had any more: {', '.join(differences)}"
    )


def _enrolment(ws: Workspace, subject: Subject, number: int) -> EnrolledSubject:
    """The subject as the key table had it in the version that the package was made with."""
    with ws.vault.session(read_only=True) as session:
        query = select(KeyVersion.id).where(KeyVersion.trial == subject.trial, KeyVersion.number == number)
        version_id = session.scalars(query).one_or_none()
    if version_id is None:
        raise InputError(f"version {number} of the key table is not in the vault")
    (found,) = enrolled(ws.vault, subject.trial, [subject.key], version_id=version_id)
    return found


def _persons(ws: Workspace, subject: Subject, members: Sequence[Chosen]) -> Iterable[int]:
    """Who the subject may have been: the person of today, then those under whom its objects are filed."""
    filed: set[int] = set()
    with ws.vault.session(read_only=True) as session:
        for batch in batches([each.instance_id for each in members]):
            query = (
                select(Identifier.person_id)
                .join(Instance, Instance.identifier_id == Identifier.id)
                .where(Instance.id.in_(batch))
                .distinct()
            )
            filed.update(session.scalars(query))
    return dict.fromkeys([subject.person_id, *sorted(filed)])


def _members(session: Session, package_id: int) -> list[Chosen]:
    rows = session.execute(
        select(*CHOSEN, PackageMember.mask)
        .join(StagedVersion, StagedVersion.instance_id == Instance.id)
        .join(PackageMember, PackageMember.version_id == StagedVersion.id)
        .where(PackageMember.package_id == package_id)
        .order_by(Instance.sop_instance)
    )
    return [Chosen(*row) for row in rows]


def _write(ws: Workspace, recipe: Recipe, row: PackageRow, members: Sequence[Addressed], said: str) -> Written | None:
    """Make the package in a draft and put it in its place; None, and nothing replaced, if its content is another."""
    target = ws.packages.draft(row.path)
    folder = target.parent / DRAFTS
    written = write_package(ws.settings, recipe, row.study, members, said, folder, target.name)
    draft = folder / target.name
    try:
        if written.content_digest != row.content_digest:
            return None
        forget_beside(target)
        draft.replace(target)
        if ws.settings.durable:
            flush_folder(target.parent)
        keep_package(ws.packages, row.path)
    except OSError as error:
        raise TransientError(f"{target} cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
        if not any(os.scandir(folder)):
            folder.rmdir()
    return replace(written, path=row.path)


def _record(ws: Workspace, row: PackageRow, written: Written, members: Sequence[Addressed]) -> None:
    """The same bytes keep their proofs; other bytes of the same content, by another compressor, are proven anew."""
    with ws.vault.session() as session:
        kept = same_content(session, row.id, written, row.inputs, members)
        proven = kept.state == PackageState.VERIFIED
    if proven:
        again = Proof("restored", passed=True, findings=("content digest and SHA-256 are those of the proven package",))
        write_receipt(ws, row.id, [again], when=now().isoformat())


def _result(row: PackageRow, outcome: Outcome, reason: str = "") -> RestoredPackage:
    return RestoredPackage(row.path, row.study, row.content_digest, outcome, reason)
