"""What people refuse of quarantined objects; every decision is audited (promise 10).

What they let in is :mod:`pacs2trial.clearance.decisions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.staging.quarantine import REJECTED, WAITING
from pacs2trial.vault.tables import Instance, InstanceState, PixelDecision, QuarantineItem, StagedVersion, now
from pacs2trial.workspace import Workspace


def reject(ws: Workspace, token: str, reason: str, actor: str) -> None:
    """Refuse an object for good: its instance is rejected, its encrypted bytes are kept.

    Args:
        ws: the site.
        token: the object, as the list of quarantined objects names it.
        reason: why, in the person's words; goes to the audit table only.
        actor: who decided.

    Raises:
        InputError: no such object, it does not wait for a decision, or the reason is empty.
    """
    with _decision(ws, "quarantine-reject", token, reason, actor) as (session, item):
        item.state, item.decided_at = REJECTED, now()
        instance = session.get(Instance, item.instance_id) if item.instance_id else None
        if instance is not None and instance.state == InstanceState.QUARANTINED:
            instance.state, instance.reason, instance.settled_at = InstanceState.REJECTED, "rejected by a person", now()


def discard(ws: Workspace, token: str, reason: str, actor: str) -> None:
    """Throw an object away: its bytes are deleted.

    If nothing else of its instance waits, the instance becomes staged when another, clean content of it lies in
    staging, and rejected otherwise. Arguments and errors as for :func:`reject`.
    """
    with _decision(ws, "quarantine-discard", token, reason, actor) as (session, item):
        item.state, item.decided_at = "discarded", now()
        session.flush()
        instance = session.get(Instance, item.instance_id) if item.instance_id else None
        if instance is not None and instance.state == InstanceState.QUARANTINED and not _waits(session, instance.id):
            _settle(session, instance)
    (ws.settings.quarantine / token).unlink(missing_ok=True)


@contextmanager
def _decision(ws: Workspace, act: str, token: str, reason: str, actor: str) -> Iterator[tuple[Session, QuarantineItem]]:
    """The waiting item in a transaction that holds the audit entry too: both happen or neither."""
    require_waiting(ws, token, reason, actor)
    with ws.vault.session() as session:
        waiting = select(QuarantineItem).where(QuarantineItem.token == token, QuarantineItem.state == WAITING)
        item = session.scalars(waiting.with_for_update()).one_or_none()
        if item is None:
            raise InputError(f"quarantined object {token} was decided on just now by somebody else")
        ws.vault.audit.append(session, act, actor=actor, target=token, reason=reason)
        if item.pixels is not None:  # what let it in before must not do so again
            session.execute(
                update(PixelDecision)
                .where(PixelDecision.instance_id == item.instance_id, PixelDecision.pixels == item.pixels)
                .values(outcome="hold", reason=act, decided_by=actor, result="")
            )
        yield session, item


def require_waiting(ws: Workspace, token: str, reason: str, actor: str) -> None:
    """Return if the object waits and person and reason are named.

    Raises:
        InputError: as for :func:`reject`.
    """
    if not reason.strip():
        raise InputError("a decision needs a reason")
    if not actor.strip():
        raise InputError("a decision needs the name of the person who decides")
    with ws.vault.session(read_only=True) as session:
        state = session.scalar(select(QuarantineItem.state).where(QuarantineItem.token == token))
    if state is None:
        raise InputError(f"no quarantined object {token!r}; pacs2trial quarantine <trial> lists them")
    if state != WAITING:
        raise InputError(f"quarantined object {token} was {state} before")


def _waits(session: Session, instance_id: int) -> bool:
    waiting = select(QuarantineItem.id).where(
        QuarantineItem.instance_id == instance_id, QuarantineItem.state == WAITING
    )
    return session.scalars(waiting).first() is not None


def _settle(session: Session, instance: Instance) -> None:
    first = session.scalars(
        select(StagedVersion.id).where(StagedVersion.instance_id == instance.id).order_by(StagedVersion.id)
    ).first()
    if first is None:
        instance.state, instance.reason = InstanceState.REJECTED, "discarded by a person"
    else:
        session.execute(update(StagedVersion).where(StagedVersion.id == first).values(current=True))
        instance.state, instance.reason = InstanceState.STAGED, ""
    instance.settled_at = now()
