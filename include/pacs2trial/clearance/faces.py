"""A series whose face a trial has removed: the site's program is asked which voxels show it, and the answer is kept."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pacs2trial.defacing.asking import Face, ask
from pacs2trial.defacing.failure import NotRemovedError, fail
from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import TransientError, UnsafeObjectError
from pacs2trial.filtering.pixel_decisions import pixels_of
from pacs2trial.filtering.removals import FAILED, NO_PROGRAM, REMOVED, Member, Volume, answer_about, key_of, stands
from pacs2trial.redaction.header import FACE
from pacs2trial.redaction.redact import redact
from pacs2trial.staging.store import digest_of
from pacs2trial.trials.face_programs import FaceProgram, face_programs, program_for
from pacs2trial.vault.database import insert_new
from pacs2trial.vault.tables import FaceMask, FaceRemoval, Pin, StagedVersion, now
from pacs2trial.workspace import Workspace

log = logging.getLogger(__name__)

MASK = "face mask"
"""Kind of what is pinned."""


def remove_face(ws: Workspace, volume: Volume) -> str:
    """Have an answer about a volume: one that stands, or that of the program, which is recorded.

    Nothing is blanked here: whoever collects the objects does that, for the trial that asked.

    Returns:
        What became of it, in a few words.

    Raises:
        TransientError: a staged file is not there or changed meanwhile, or disk or vault refused.
    """
    program = program_for(face_programs(ws.settings.face_programs), volume.modality)
    members = _with_pixels(ws, volume)
    key = key_of(ws.vault, members)
    with ws.vault.session(read_only=True) as session:
        known = answer_about(session, key)
        if known is not None and stands(known, program):
            return _words(known)
    row: dict[str, object] = {"volume": key}
    row |= {"program": program.words if program else "", "declared": program.digest if program else ""}
    try:
        face = _face(ws, program, {one.sop_instance: ws.settings.staging / one.path for one in members})
        row |= {"outcome": REMOVED, "reason": "", "changed": round(face.changed * 1_000_000)}
    except NotRemovedError as failure:
        face = None
        row |= {"outcome": FAILED, "reason": failure.reason[:100], "changed": 0}
        log.warning("the face of a series was not removed: %s", failure.reason)
    with ws.vault.session() as session:
        return _recorded(session, row, face, {one.sop_instance: one.instance_id for one in members})


def _face(ws: Workspace, program: FaceProgram | None, objects: Mapping[str, Path]) -> Face:
    """Where the program says that the face is; that it can be blanked there is tried at once.

    Raises:
        NotRemovedError: it does not say, or it cannot.
    """
    if program is None:
        fail(NO_PROGRAM)
    face = ask(program, objects, ws.settings.home)
    for uid, mask in face.masks.items():
        try:
            redact(split_file(objects[uid].read_bytes()), mask, FACE)
        except UnsafeObjectError as unsafe:
            fail(f"the face cannot be blanked ({unsafe.reason})")
    return face


def _with_pixels(ws: Workspace, volume: Volume) -> list[Member]:
    """The members with the look-up values of their pixels, which are written down where they were not known."""
    found: list[Member] = []
    for one in volume.members:
        try:
            file = (ws.settings.staging / one.path).read_bytes()
        except OSError as error:
            raise TransientError(
                f"a staged file whose face is to be removed cannot be read ({error.strerror}); "
                "pacs2trial restore brings it"
            ) from None
        if digest_of([file]) != one.digest:
            raise TransientError("a staged file changed before its face was removed; filter again")
        found.append(one if one.pixels else replace(one, pixels=pixels_of(ws.vault, split_file(file))))
    with ws.vault.session() as session:
        for one, before in zip(found, volume.members, strict=True):
            if not before.pixels:
                which = (StagedVersion.id == one.version_id, StagedVersion.digest == one.digest)
                session.execute(update(StagedVersion).where(*which).values(pixels=one.pixels))
    return found


def _recorded(session: Session, row: dict[str, object], face: Face | None, instances: Mapping[str, int]) -> str:
    """Keep an answer, and return what stands: of two that removed the face the first; a failure gives way."""
    insert_new(session, FaceRemoval, [row])
    query = select(FaceRemoval).where(FaceRemoval.volume == row["volume"]).with_for_update()
    answer = session.scalars(query).one()
    masked = select(FaceMask.id).where(FaceMask.removal_id == answer.id).limit(1)
    if answer.outcome == REMOVED and session.scalars(masked).first() is not None:
        return _words(answer)
    for name, value in (row | {"answered_at": now()}).items():
        setattr(answer, name, value)
    if face is not None:
        pinned = {uid: mask.packed() for uid, mask in face.masks.items()}
        digests = {uid: hashlib.sha256(content).hexdigest() for uid, content in pinned.items()}
        pins = {digests[uid]: content for uid, content in pinned.items()}
        insert_new(session, Pin, [{"digest": one, "kind": MASK, "content": pins[one]} for one in sorted(pins)])
        rows = [
            {"removal_id": answer.id, "instance_id": instances[uid], "mask": digest} for uid, digest in digests.items()
        ]
        insert_new(session, FaceMask, rows)
    return _words(answer)


def _words(answer: FaceRemoval) -> str:
    return "face removed" if answer.outcome == REMOVED else "face not removed"
