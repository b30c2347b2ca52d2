"""What rules write into each object of a subject: columns of its visit, answers of look-ups."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.collect.chosen import Chosen
from pacs2trial.errors import HeldError
from pacs2trial.filtering.trial_rules import ACCESSION_LOOKUP
from pacs2trial.keytable import EnrolledSubject
from pacs2trial.lookups import Answers, questions
from pacs2trial.lookups.answers import Pin
from pacs2trial.lookups.questions import About
from pacs2trial.profile import Plan, SubjectValues
from pacs2trial.trials.definition import STAGING, TrialDefinition
from pacs2trial.trials.template import Template
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Instance
from pacs2trial.workspace import Workspace


@dataclass(frozen=True)
class ObjectValues:
    """The values for one object; ``pins`` names the answers that are among them."""

    values: SubjectValues
    pins: tuple[Pin, ...] = field(default=())


def object_values(
    ws: Workspace,
    definition: TrialDefinition,
    plan: Plan,
    subject: EnrolledSubject,
    values: SubjectValues,
    members: Sequence[Chosen],
    answers: Answers,
) -> dict[int, ObjectValues]:
    """The values of every object for which rules write more than the subject's own, by instance.

    Args:
        ws: the site.
        definition: the trial.
        plan: of the trial.
        subject: whose objects.
        values: the subject's own.
        members: the objects.
        answers: who answers the look-ups.

    Raises:
        HeldError: a look-up has no answer, or the key table does not say to which visit a study belongs.
        InputError: a look-up is asked by what is not there, or its table is wrong.
        PermanentError: a staged file is damaged.
        TransientError: a database that is asked does not answer.
    """
    filled = plan.own is not None and any(rule.template and rule.template.names for rule in plan.own.rules)
    if not filled and plan.offset is None:
        return {}
    with ws.vault.session(read_only=True) as session:
        rows = _rows(session, members)
    own = plan.own
    templates = {row.id: own.templates_for(row.sop_class, row.modality) if own else [] for row in rows}
    used = {instance: {name for one in several for name in one.lookups} for instance, several in templates.items()}
    asked_by = {name: set(definition.lookups[name].asked_by) for names in used.values() for name in names}
    of_offset = {plan.offset.column} if plan.offset else set()
    columns = _columns(ws, definition, subject, rows, _columns_used(templates, asked_by) | of_offset)
    paths = {each.instance_id: each.path for each in members}
    objects = [
        About(row.id, row.identifier_id, paths[row.id], columns[row.study], frozenset(used[row.id]))
        for row in rows
        if used[row.id]
    ]
    asked = questions(ws, definition, subject, objects) if objects else {}
    found: dict[int, ObjectValues] = {}
    for row in rows:
        given = [answers.answer(question) for question in asked.get(row.id, ())]
        if not given and columns[row.study] == values.columns:
            continue
        lookups = {answer.pin[0]: answer.text for answer in given}
        of_object = replace(values, columns=columns[row.study], lookups=lookups)
        found[row.id] = ObjectValues(of_object, tuple(answer.pin for answer in given))
    return found


def _rows(session: Session, members: Sequence[Chosen]) -> list[Instance]:
    found: list[Instance] = []
    for ids in batches(each.instance_id for each in members):
        found += session.scalars(select(Instance).where(Instance.id.in_(ids)).order_by(Instance.id))
    return found


def _columns_used(templates: Mapping[int, Sequence[Template]], asked_by: Mapping[str, set[str]]) -> set[str]:
    in_texts = {name for several in templates.values() for template in several for name in template.columns}
    return in_texts.union(*asked_by.values())


def _columns(
    ws: Workspace, definition: TrialDefinition, subject: EnrolledSubject, rows: Sequence[Instance], used: set[str]
) -> dict[str, Mapping[str, str]]:
    """The columns of each study: those on which all rows of the subject agree, and those of the visit that it is."""
    visited = {name for visit in subject.visits for name in visit.columns}
    first = {row.study: row for row in reversed(rows)}
    if not used & (visited - subject.columns.keys()):
        return dict.fromkeys(first, subject.columns)
    sealed = [row.facts_sealed for row in first.values() if row.facts_sealed is not None]
    purpose = f"visits of trial {definition.trial}"
    clear = iter(ws.vault.disclose(STAGING, sealed, caller="collect", purpose=purpose))
    facts = {study: json.loads(next(clear)) if row.facts_sealed is not None else {} for study, row in first.items()}
    found: dict[str, Mapping[str, str]] = {}
    for study, row in first.items():
        lookup = facts[study].get(ACCESSION_LOOKUP)
        visits = [each for each in subject.visits if each.admits(row.identifier_id, lookup, row.study_date)]
        if len(visits) != 1:
            raise HeldError(
                f"{definition.trial}/{subject.subject_key}: a study is of {len(visits)} visits of the key table; "
                "correct it, then run pacs2trial filter again"
            )
        found[study] = {**visits[0].columns, **subject.columns}
    return found
