"""An image that lies in staging already and is to be looked at: what identifies is blanked there, for every trial.

Under the file's own name, in one step: no moment has both, and a run that is stopped in between is taken up by the
digest that the decision names.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pacs2trial.clearance.examined import Examined, examine
from pacs2trial.clearance.recording import record
from pacs2trial.deidentify.identifiers import OwnIdentifiers
from pacs2trial.dicomfile.durable import write_durably
from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import TransientError
from pacs2trial.filtering.looks import Look, standing
from pacs2trial.filtering.pixel_decisions import Decided, decisions_about, detector, pixels_of
from pacs2trial.redaction.redact import redact_file
from pacs2trial.staging.store import claim, digest_of
from pacs2trial.vault.tables import Instance, StagedVersion, TrialInstance
from pacs2trial.workspace import Workspace


def look_in_staging(ws: Workspace, trial: str, look: Look, own: Callable[[], OwnIdentifiers]) -> tuple[Decided, bool]:
    """Decide about the content that a trial uses of an instance, and blank what has to be.

    Returns:
        What was decided, and whether it had to be looked at.

    Raises:
        TransientError: the staged file is not there, or disk or vault refused.
    """
    with ws.vault.session(read_only=True) as session:
        instance = session.get_one(Instance, look.instance_id)
        version = _used(session, trial, instance.id)
        known = decisions_about(session, [instance.id]).get(instance.id, {})
    path = ws.settings.staging / version.path
    file = _read(path)
    digest = digest_of([file])
    done = next((one for one in known.values() if one.result == digest and one.lets_in), None)
    if done is not None:  # stopped after the file was written
        _settle(ws, version.id, file, digest, done.pixels)
        return done, False
    pixels = pixels_of(ws.vault, split_file(file))
    decided = known.get(pixels)
    looked = decided is None or not (decided.lets_in or standing(decided, detector(ws.settings)))
    if decided is None or looked:
        decided = _recorded(ws, look, pixels, examine(file, own(), look.areas, ws.settings))
    with claim(ws.settings, instance.sop_instance):
        if digest_of([_read(path)]) != digest:
            raise TransientError("a staged file changed while it was looked at; filter again")
        if decided.lets_in and decided.areas:
            file = redact_file(file, decided.areas)
            try:
                write_durably(path, [file], durable=ws.settings.durable)
            except OSError as error:
                raise TransientError(f"cannot write to the staging store: {error.strerror}") from None
        _settle(ws, version.id, file, digest_of([file]), pixels)
    return decided, looked


def _used(session: Session, trial: str, instance_id: int) -> StagedVersion:
    query = (
        select(StagedVersion)
        .outerjoin(
            TrialInstance, (TrialInstance.instance_id == StagedVersion.instance_id) & (TrialInstance.trial == trial)
        )
        .where(StagedVersion.instance_id == instance_id)
        .order_by((StagedVersion.id == TrialInstance.version_id).desc(), StagedVersion.current.desc(), StagedVersion.id)
    )
    version = session.scalars(query).first()
    if version is None:
        raise TransientError("an instance to be looked at lies no longer in staging; filter again")
    return version


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TransientError(
            f"a staged file that is to be looked at cannot be read ({error.strerror}); pacs2trial restore brings it"
        ) from None


def _recorded(ws: Workspace, look: Look, pixels: str, examined: Examined) -> Decided:
    with ws.vault.session() as session:
        return record(session, ws, look.instance_id, pixels, examined, rule=look.rule)


def _settle(ws: Workspace, version_id: int, file: bytes, digest: str, pixels: str) -> None:
    with ws.vault.session() as session:
        session.execute(
            update(StagedVersion)
            .where(StagedVersion.id == version_id)
            .values(digest=digest, size=len(file), pixels=pixels)
        )
