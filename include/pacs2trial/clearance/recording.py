"""Decisions about pixels, written down before anything is done by them."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pacs2trial.clearance.examined import Examined
from pacs2trial.filtering.pixel_decisions import Decided, as_lists, detector, told
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.database import insert_new
from pacs2trial.vault.tables import Instance, PixelDecision, QuarantineItem, now
from pacs2trial.workspace import Workspace


def record(
    session: Session,
    ws: Workspace,
    instance_id: int,
    pixels: str,
    examined: Examined,
    *,
    rule: str,
    actor: str = "",
) -> Decided:
    """Keep what was decided, and return what stands: of two at a time the first; a hold gives way to what lets in.

    Args:
        session: a writing transaction, with which all of it is committed.
        ws: the site.
        instance_id: row of the instance.
        pixels: look-up value of its pixels.
        examined: what was found.
        rule: that had it looked at.
        actor: the person who decided; empty for the machine.
    """
    row = {
        "instance_id": instance_id,
        "pixels": pixels,
        "outcome": examined.outcome,
        "areas": as_lists(examined.areas),
        "reason": examined.reason[:64],
        "rule": rule[:200],
        "detector": "" if actor else detector(ws.settings),
        "found_sealed": ws.vault.seal(STAGING, examined.evidence()) if examined.texts else None,
        "result": examined.result,
        "decided_by": actor[:128],
    }
    insert_new(session, PixelDecision, [row])
    which = (PixelDecision.instance_id == instance_id, PixelDecision.pixels == pixels)
    stands = session.scalars(select(PixelDecision).where(*which).with_for_update()).one()
    if stands.outcome == "hold" and (actor or not stands.decided_by):
        found = row["found_sealed"] or stands.found_sealed
        for name, value in (row | {"found_sealed": found, "decided_at": now()}).items():
            setattr(stands, name, value)
        session.flush()
    session.execute(update(Instance).where(Instance.id == instance_id).values(looked_at=True))
    return told(stands)


def mark(session: Session, token: str, pixels: str) -> None:
    """Tell of a quarantined object which pixels it has."""
    session.execute(update(QuarantineItem).where(QuarantineItem.token == token).values(pixels=pixels))
