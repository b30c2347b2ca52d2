"""What a trial's rules hold although it lies in staging: told by series and rule, decided by a person for the trial."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.filtering.faces import RULE as FACES
from pacs2trial.filtering.strangers import RULE as STRANGERS
from pacs2trial.filtering.trial_rules import NOT_REMOVED, REJECT, RELEASE
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.filter import Then
from pacs2trial.vault.tables import HeldDecision, Instance, InstanceState, Judgement, Subject, TrialInstance
from pacs2trial.workspace import Workspace

_BEGINS = ("text in pixels: ", "site rule: ", "filter.require: ", NOT_REMOVED)


@dataclass(frozen=True)
class HeldSeries:
    """Staged instances of one series that one rule of a trial holds; UIDs are staging pseudonyms.

    ``token`` names them to commands and screens.
    """

    token: str
    subject_key: str
    modality: str
    study: str
    series: str
    rule: str
    instances: int


def held_series(ws: Workspace, definition: TrialDefinition) -> list[HeldSeries]:
    """What a person may release or reject for a trial, in order of subject and series.

    What waits in quarantine, and what is held because it is in doubt whose or which version it is, has its own lists.
    """
    with ws.vault.session(read_only=True) as session:
        groups = _groups(session, definition)
    return [
        HeldSeries(
            token=f"h{min(row.id for row, _ in group)}",
            subject_key=key,
            modality=group[0][1].modality,
            study=group[0][1].study,
            series=series,
            rule=rule,
            instances=len(group),
        )
        for (key, series, rule), group in sorted(groups.items())
    ]


def decide_held(
    ws: Workspace, definition: TrialDefinition, token: str, *, accept: bool, reason: str, actor: str
) -> HeldSeries:
    """Answer the rule that holds a series, for this trial: release it, or reject it. The next filter goes by it.

    Raises:
        InputError: no such series is held, or reason or person is not named.
    """
    if not reason.strip() or not actor.strip():
        raise InputError("a decision needs a reason and the name of the person who decides")
    found = next((one for one in held_series(ws, definition) if one.token == token), None)
    if found is None:
        raise InputError(f"nothing of {definition.trial} is held as {token!r}; pacs2trial quarantine lists it")
    answer = RELEASE if accept else REJECT
    with ws.vault.session() as session:
        group = _groups(session, definition).get((found.subject_key, found.series, found.rule), [])
        for row, instance in group:
            which = {"trial": definition.trial, "instance_id": instance.id, "rule": row.rule}
            session.execute(delete(HeldDecision).filter_by(**which))
            session.add(HeldDecision(**which, answer=answer, reason=reason, decided_by=actor))
        ws.vault.audit.append(
            session,
            f"held-{answer}",
            actor=actor,
            trial=definition.trial,
            target=found.subject_key,
            reason=reason,
            rule=found.rule,
            instances=len(group),
        )
    return found


def _groups(
    session: Session, definition: TrialDefinition
) -> dict[tuple[str, str, str], list[tuple[TrialInstance, Instance]]]:
    """By subject key, series and rule."""
    filters = definition.filter
    named = {filters.rule_name(place) for place, rule in enumerate(filters.rules) if rule.then is Then.HOLD}
    query = (
        select(TrialInstance, Instance, Subject.key)
        .join(Instance, Instance.id == TrialInstance.instance_id)
        .join(Subject, Subject.id == TrialInstance.subject_id)
        .where(
            TrialInstance.trial == definition.trial,
            TrialInstance.state == Judgement.HELD,
            Instance.state == InstanceState.STAGED,
            Subject.withdrawn_at.is_(None),
        )
        .order_by(TrialInstance.id)
    )
    found: dict[tuple[str, str, str], list[tuple[TrialInstance, Instance]]] = {}
    for row, instance, key in session.execute(query):
        if row.rule in {FACES, STRANGERS, *named} or row.rule.startswith(_BEGINS):
            found.setdefault((key, instance.series, row.rule), []).append((row, instance))
    return found
