"""Studies that nobody was enrolled for go after the site's number of days, if another place still has them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from pacs2trial.cleanup.holdings import StagedFile, files_of
from pacs2trial.cleanup.removal import mark_removed, unlink
from pacs2trial.errors import InputError
from pacs2trial.incoming.unmatched import is_enrolled, unmatched, waiting_studies
from pacs2trial.retrieve.shown import by_home, shown
from pacs2trial.trials.load import load_trials
from pacs2trial.vault.tables import Instance, InstanceState, now
from pacs2trial.workspace import Workspace

CALLER = "incoming"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Expired:
    """What went, or would go in a dry run.

    Attributes:
        studies: of which something went.
        files: staged files that went.
        size: their bytes.
        stuck: staged files that stay because no PACS of the trials shows what they came from.
    """

    studies: int
    files: int
    size: int
    stuck: int


def expire(ws: Workspace, *, actor: str, dry_run: bool = False, at: datetime | None = None) -> Expired:
    """Remove the staged files of unmatched studies whose time is over. Audited.

    What came unasked may be nowhere else: a file goes when a PACS that some trial names shows the object at this
    moment, unless the site has set ``incoming_expire_unshown``. The ledger keeps its rows, so that a later enrolment
    knows what there was and restore can fetch it. What waits in quarantine stays.

    Args:
        ws: the site; its ``incoming_expire_days`` must be set.
        actor: who asks.
        dry_run: only tell what would go.
        at: the moment, UTC; now when absent.

    Raises:
        InputError: nothing is to expire at this site.
        TransientError: a PACS did not answer; nothing was removed.
    """
    if ws.settings.incoming_expire_days is None:
        raise InputError("nothing expires here: PACS2TRIAL_INCOMING_EXPIRE_DAYS is not set")
    moment = at or now()
    due = [one.study for one in unmatched(ws) if one.expires is not None and one.expires <= moment]
    with ws.vault.session(read_only=True) as session:
        files = _files(ws, session, due)
    seen = set() if ws.settings.incoming_expire_unshown else _shown(ws, files)
    going = [one for one in files if ws.settings.incoming_expire_unshown or (one.alone and one.sop_instance in seen)]
    if not dry_run:
        going = _remove(ws, going, actor)
    done = Expired(
        len({one.study for one in going}),
        len(going),
        sum(one.size for one in going),
        stuck=len(files) - len(going),
    )
    _log.info("unmatched studies: %d files of %d studies expired, %d stay", done.files, done.studies, done.stuck)
    return done


def _remove(ws: Workspace, files: Sequence[StagedFile], actor: str) -> list[StagedFile]:
    """Mark and remove; what somebody was enrolled for since stays."""
    with ws.vault.session() as session:
        still = waiting_studies(session)
        going = [one for one in files if one.study in still]
        mark_removed(session, going, [])
        if going:
            ws.vault.audit.append(
                session,
                "expire unmatched",
                actor=actor,
                reason=f"unmatched for {ws.settings.incoming_expire_days} days",
                studies=sorted({one.study for one in going}),
                files=len(going),
                bytes=sum(one.size for one in going),
                unshown=ws.settings.incoming_expire_unshown,
            )
    unlink(ws, going, [])
    return going


def _files(ws: Workspace, session: Session, studies: Sequence[str]) -> list[StagedFile]:
    waiting = (Instance.state == InstanceState.STAGED, ~is_enrolled())
    return [one for study in studies for one in files_of(session, ws.settings, Instance.study == study, *waiting)]


def _shown(ws: Workspace, files: Sequence[StagedFile]) -> set[str]:
    """What any PACS that a trial names shows, by staging SOP Instance UID."""
    trials, _broken = load_trials(ws.settings.trials)
    found: set[str] = set()
    for connection in sorted({definition.source.pacs for definition in trials.values()}):
        for node, some in by_home(files, ws.connections, ws.settings, connection):
            found |= shown(ws.vault, node, some, caller=CALLER, purpose="expiry of unmatched studies")
    return found
