"""Quarantine: objects that stage 1 could not show to be clean, kept encrypted until a person decides (promise 1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from typing_extensions import Buffer

from pacs2trial.dicomfile.durable import write_durably
from pacs2trial.errors import InputError, PermanentError, TransientError
from pacs2trial.staging.ledger import Arrival, record_arrival
from pacs2trial.staging.store import claim
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.database import insert_new
from pacs2trial.vault.tables import (
    Identifier,
    Instance,
    InstanceState,
    Judgement,
    QuarantineItem,
    Subject,
    TrialInstance,
)
from pacs2trial.workspace import Workspace

_TOKEN_LENGTH = 32
WAITING = "waiting"
"""State of an item on which nobody has decided."""
REJECTED = "rejected"
"""State of an item that a rule of the site or a person refused; its bytes are kept."""

RELEASED = "released"
"""State of an item that lies in staging now."""
DISCARDED = "discarded"


@dataclass(frozen=True)
class Kept:
    """The token of an object that was kept, and whether it was new here."""

    token: str
    new: bool


@dataclass(frozen=True)
class Item:
    """One line of the list of quarantined objects; names nobody.

    ``sop_instance`` and ``study`` are staging pseudonyms, empty when the object's identity could not be read;
    ``subjects`` maps trial to subject key for every trial that knows the person.
    """

    token: str
    reason: str
    detail: str
    size: int
    state: str
    received_at: datetime
    modality: str
    study: str
    sop_instance: str
    subjects: dict[str, str]


def keep(
    ws: Workspace,
    data: Sequence[Buffer],
    *,
    reason: str,
    detail: str,
    instance: Arrival | None,
    state: InstanceState = InstanceState.QUARANTINED,
) -> Kept:
    """Keep an object encrypted under the data key of STAGING; durable, and in the ledger, when this returns.

    The same bytes again are found by their fingerprint and counted once; what a person discarded is not kept again.

    Args:
        ws: the site.
        data: the parts of a Part 10 file (PS3.10), original identity and all.
        reason: short code, a site rule or the fault that was found; never a value.
        detail: explanation without a value.
        instance: the instance with its staging pseudonyms, None when the identity could not be read.
        state: ``QUARANTINED``, or ``REJECTED`` when a rule refuses the object for good.

    Raises:
        TransientError: disk or vault failed, and nothing is kept that counts.
    """
    size, fingerprint = _fingerprint(ws, data)
    token = fingerprint[:_TOKEN_LENGTH]
    path = ws.settings.quarantine / token
    with claim(ws.settings, token):
        before = _state(ws, token)
        if before in {None, WAITING, REJECTED} and not path.exists():
            sealed = ws.vault.sealing(STAGING, data)
            try:
                write_durably(path, sealed, durable=ws.settings.durable)
            except OSError as error:
                raise TransientError(f"cannot write to quarantine: {error.strerror}") from None
        with ws.vault.session() as session:
            row = record_arrival(session, instance, state, reason) if instance else None
            if row is not None and before is None:
                row.contents += 1
            item = {
                "token": token,
                "instance_id": row.id if row else None,
                "fingerprint": fingerprint,
                "reason": reason,
                "detail": detail,
                "size": size,
                "state": WAITING if state is InstanceState.QUARANTINED else REJECTED,
            }
            insert_new(session, QuarantineItem, [item])
    return Kept(token, new=before is None)


def token_of(ws: Workspace, data: Sequence[Buffer]) -> str:
    """The token under which these bytes are kept, or would be."""
    return _fingerprint(ws, data)[1][:_TOKEN_LENGTH]


def forget(ws: Workspace, token: str) -> None:
    """Delete the encrypted bytes of an object that was let into staging or discarded; others stay."""
    if _state(ws, token) in (RELEASED, DISCARDED):
        (ws.settings.quarantine / token).unlink(missing_ok=True)


def items(ws: Workspace, trial: str | None = None, *, decided: bool = False) -> list[Item]:
    """The quarantined objects, oldest first.

    Args:
        ws: the site.
        trial: only objects of this trial's subjects that the trial has not set aside as not wanted; all when absent,
            among them those whose identity could not be read.
        decided: also those on which somebody has decided.
    """
    statement = (
        select(QuarantineItem, Instance)
        .outerjoin(Instance, Instance.id == QuarantineItem.instance_id)
        .order_by(QuarantineItem.received_at, QuarantineItem.id)
    )
    if not decided:
        statement = statement.where(QuarantineItem.state == WAITING)
    if trial is not None:
        unwanted = select(TrialInstance.instance_id).where(
            TrialInstance.trial == trial, TrialInstance.state == Judgement.NOT_WANTED
        )
        of_trial = (
            select(Identifier.id)
            .join(Subject, Subject.person_id == Identifier.person_id)
            .where(Subject.trial == trial, Subject.withdrawn_at.is_(None))
        )
        statement = statement.where(Instance.identifier_id.in_(of_trial), Instance.id.not_in(unwanted))
    with ws.vault.session(read_only=True) as session:
        rows = session.execute(statement).all()
        subjects = _subjects(session, {instance.identifier_id for _, instance in rows if instance})
        return [_item(item, instance, subjects) for item, instance in rows]


def read(ws: Workspace, token: str, *, caller: str, purpose: str) -> bytes:
    """The quarantined Part 10 file in clear, in memory only; the vault records caller and purpose.

    Raises:
        InputError: there is no such object.
        PermanentError: its bytes are gone, or somebody changed them.
    """
    with ws.vault.session(read_only=True) as session:
        if session.scalar(select(QuarantineItem.id).where(QuarantineItem.token == token)) is None:
            raise InputError(f"no quarantined object {token!r}; pacs2trial quarantine <trial> lists them")
    try:
        sealed = (ws.settings.quarantine / token).read_bytes()
    except FileNotFoundError:
        raise PermanentError(
            f"the bytes of quarantined object {token} are gone: pacs2trial restore asks the PACS for them, "
            "or discard the object"
        ) from None
    return ws.vault.unseal(STAGING, sealed, caller=caller, purpose=purpose)


def _state(ws: Workspace, token: str) -> str | None:
    with ws.vault.session(read_only=True) as session:
        return session.scalar(select(QuarantineItem.state).where(QuarantineItem.token == token))


def _fingerprint(ws: Workspace, data: Sequence[Buffer]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    for part in data:
        digest.update(part)
        size += memoryview(part).nbytes
    return size, ws.vault.fingerprint(digest.digest())


def _subjects(session: Session, identifier_ids: set[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for identifier_id, trial, key in session.execute(
        select(Identifier.id, Subject.trial, Subject.key)
        .join(Subject, Subject.person_id == Identifier.person_id)
        .where(Identifier.id.in_(identifier_ids), Subject.withdrawn_at.is_(None))
    ):
        found.setdefault(identifier_id, {})[trial] = key
    return found


def _item(item: QuarantineItem, instance: Instance | None, subjects: dict[int, dict[str, str]]) -> Item:
    return Item(
        token=item.token,
        reason=item.reason,
        detail=item.detail,
        size=item.size,
        state=item.state,
        received_at=item.received_at,
        modality=instance.modality if instance else "",
        study=instance.study if instance else "",
        sop_instance=instance.sop_instance if instance else "",
        subjects=subjects.get(instance.identifier_id, {}) if instance else {},
    )
