"""What became of objects that a scope does not show, for those who wonder where they are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import select

from pacs2trial.holdings.view import View
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Instance, InstanceState, TrialInstance

UNJUDGED: Final = "not yet judged"


def fates(view: View, uids: Collection[str]) -> dict[str, str]:
    """In a word or two, what became of each SOP instance that the ledger knows, by its UID in the scope."""
    with view.ws.vault.session(read_only=True) as session:
        staged = view.staged(session, uids)
        shown = {one: uid for uid, one in staged.items()}
        trial = "" if view.scope == STAGING else view.scope
        found: dict[str, str] = {}
        for batch in batches(sorted(shown)):
            judged = (TrialInstance.instance_id == Instance.id) & (TrialInstance.trial == trial)
            query = (
                select(Instance.sop_instance, Instance.state, TrialInstance.state)
                .outerjoin(TrialInstance, judged)
                .where(Instance.sop_instance.in_(batch))
            )
            for sop_instance, state, judgement in session.execute(query):
                arrived = state == InstanceState.STAGED
                found[shown[sop_instance]] = (judgement or UNJUDGED) if arrived else state
    return found
