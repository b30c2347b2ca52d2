"""What a restore would bring back, told without asking the PACS and without writing anything."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from pacs2trial.collect.versions import current_packages
from pacs2trial.restore.contents import is_there, needed
from pacs2trial.restore.subject import definition_of, restorable_subjects
from pacs2trial.vault.tables import Subject
from pacs2trial.workspace import Workspace


@dataclass(frozen=True)
class Losses:
    """Files of one subject that are not there, of how many; a file with wrong bytes but of the right size counts as
    there.
    """

    subject_key: str
    contents: int
    contents_lost: int
    packages: int
    packages_lost: int


def losses(ws: Workspace, trial: str, subject_key: str) -> Losses:
    """Which staged contents and packages of a subject are lost or were cleaned up.

    Raises:
        InputError: unknown trial or subject.
    """
    definition = definition_of(ws, trial)
    (subject_key,) = restorable_subjects(ws, trial, [subject_key])
    with ws.vault.session(read_only=True) as session:
        subject = session.scalars(select(Subject).where(Subject.trial == trial, Subject.key == subject_key)).one()
        contents = needed(session, subject, definition.source.modalities)
        packages = current_packages(session, trial, subject.id)
    return Losses(
        subject_key,
        contents=len(contents),
        contents_lost=sum(not is_there(ws.settings, one) for one in contents),
        packages=len(packages),
        packages_lost=len(ws.packages.absent(row.path for row in packages)),
    )
