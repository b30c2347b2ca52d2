"""Objects in quarantine whose encrypted bytes are lost: the next run fetches them anew, or a person is told.

They are no part of any package, so that nothing waits for them here; only the PACS can show them to a person again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pacs2trial.restore.fetching import CALLER
from pacs2trial.retrieve.outstanding import MODALITY_UNKNOWN
from pacs2trial.retrieve.shown import by_home, shown
from pacs2trial.staging.quarantine import REJECTED, WAITING
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Identifier, Instance, InstanceState, QuarantineItem, Subject
from pacs2trial.workspace import Workspace

COMES_AGAIN = "in quarantine, lost with its bytes; the PACS has it, and the trial's next run (retrieve) fetches it"
GONE = "in quarantine, lost with its bytes, and the PACS does not have it; pacs2trial quarantine discards it"

_UNDECIDED = (InstanceState.QUARANTINED, InstanceState.REJECTED)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quarantined object by its token and its staging pseudonyms."""

    token: str
    instance_id: int
    study: str
    series: str
    sop_instance: str
    source: str


def ask_anew(ws: Workspace, definition: TrialDefinition, subject: Subject) -> dict[str, int]:
    """Expect again what a subject lost in quarantine and the PACS still shows; returns how many are lost, by reason.

    What a person decided stands, and nothing is asked for it. What waited, or what a rule of the site rejected, is
    judged anew when it comes.

    Raises:
        InputError: the connection to the PACS is unknown.
        TransientError: the PACS cannot be reached.
        PermanentError: it refuses us.
    """
    with ws.vault.session(read_only=True) as session:
        lost = _lost(ws, session, subject, definition.source.modalities)
    found: set[str] = set()
    source = definition.source
    for node, items in by_home(lost, ws.connections, ws.settings, source.pacs, source.retrieve):
        found |= shown(ws.vault, node, items, caller=CALLER, purpose=f"restore {definition.trial}")
    again = [one for one in lost if one.sop_instance in found]
    _expect(ws, again)
    return dict(+Counter({COMES_AGAIN: len(again), GONE: len(lost) - len(again)}))


def _lost(ws: Workspace, session: Session, subject: Subject, modalities: Collection[str]) -> list[Evidence]:
    rows = session.execute(
        select(
            QuarantineItem.token,
            Instance.id,
            Instance.study,
            Instance.series,
            Instance.sop_instance,
            Instance.source,
        )
        .join(Instance, Instance.id == QuarantineItem.instance_id)
        .join(Identifier, Identifier.id == Instance.identifier_id)
        .where(
            Identifier.person_id == subject.person_id,
            Instance.state.in_(_UNDECIDED),
            Instance.modality.in_({*modalities, MODALITY_UNKNOWN}),
            QuarantineItem.state.in_((WAITING, REJECTED)),
            QuarantineItem.decided_at.is_(None),
        )
        .order_by(QuarantineItem.id)
    )
    found = [Evidence(*row) for row in rows]
    return [one for one in found if not (ws.settings.quarantine / one.token).is_file()]


def _expect(ws: Workspace, items: Sequence[Evidence]) -> None:
    with ws.vault.session() as session:
        for batch in batches(items):
            session.execute(
                update(Instance)
                .where(Instance.id.in_([one.instance_id for one in batch]), Instance.state.in_(_UNDECIDED))
                .values(state=InstanceState.EXPECTED, reason="", settled_at=None)
            )
