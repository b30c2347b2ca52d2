"""Planning a run: what the PACS holds of each subject is written down as expected before any of it is moved."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial

from sqlalchemy import select

from pacs2trial.keytable import EnrolledSubject, accession_lookup, current_version, enrolled
from pacs2trial.keytable.studies import Decisions, decided
from pacs2trial.network.archive import Archive, archive
from pacs2trial.network.webpeer import Node, node
from pacs2trial.retrieve.announced import (
    TWO_PATIENT_IDS,
    DoubtfulStudy,
    SubjectStudies,
    SubjectStudy,
    WantedInstance,
    belonging_studies,
    wanted_instances,
    without_shared,
)
from pacs2trial.retrieve.decided import with_decisions
from pacs2trial.retrieve.held import record_held
from pacs2trial.retrieve.linked import linked_studies, selects_by_links
from pacs2trial.retrieve.runs import AskedStudy, RunInfo, add_studies, record_run
from pacs2trial.staging.ledger import Announced, expect
from pacs2trial.trials.definition import STAGING, TrialDefinition
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.tables import Identifier, Instance, InstanceState, Kind
from pacs2trial.workspace import Workspace

_logger = logging.getLogger(__name__)
_CALLER = "retrieve"
_SETTLED = (InstanceState.STAGED, InstanceState.REJECTED, InstanceState.QUARANTINED)


@dataclass(frozen=True)
class SubjectPlan:
    """What a run asks for one subject.

    Attributes:
        subject_key: the trial's name for the patient.
        studies: studies that belong to the subject and hold wanted series.
        expected: instances of those series that the PACS announced.
        missing: those of them that stage 1 has not settled yet, so that they have to be fetched.
        held: why studies wait for a person instead, one entry for each study.
    """

    subject_key: str
    studies: int
    expected: int
    missing: int
    held: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunPlan:
    """A planned run. ``run_key`` is random, and empty for a dry run, of which nothing remains."""

    run_key: str
    trial: str
    subjects: tuple[SubjectPlan, ...]
    dry_run: bool


@dataclass(frozen=True)
class AnnouncedStudy:
    """The wanted instances of a study, at least one; ``whole`` when the study holds nothing else."""

    instances: tuple[Announced, ...] = field(repr=False)
    whole: bool


def plan_run(
    ws: Workspace,
    trial: str,
    *,
    subjects: Sequence[str] | None = None,
    date_from: date | None = None,
    date_to: date | None = None,
    dry_run: bool = False,
) -> RunPlan:
    """Ask the PACS what it holds of each subject, and record it as expected.

    Definition, staging plan and key table are pinned as they are now; the file of the key table is not read.

    Args:
        ws: the site.
        trial: trial ID.
        subjects: subject keys; all enrolled ones when absent.
        date_from: first study date, a day in the site's time zone, inclusive.
        date_to: last study date, inclusive.
        dry_run: only ask and count; nothing is written but pseudonyms.

    Raises:
        InputError: unknown trial, subject or connection; no key table imported yet.
        TransientError: PACS or vault failed; no run is planned. What was announced for subjects asked before stays
            expected, since it is.
        PermanentError: the PACS refuses us.
    """
    definition = ws.definition(trial)
    version = current_version(ws.vault, trial)
    chosen = enrolled(ws.vault, trial, subjects, version_id=version.id)
    source = node(ws.connections, definition.source.pacs, ws.settings, way=definition.source.retrieve)
    window = (date_from, date_to)
    plans: list[SubjectPlan] = []
    asked: list[AskedStudy] = []
    found: dict[int, SubjectStudies] = {}
    with ws.vault.session(read_only=True) as session:
        answers = decided(session, trial)
    studies = _find_studies(ws, definition, source, chosen, window, answers)
    with archive(source) if studies else nullcontext() as pacs:
        for each in studies:
            assert pacs is not None
            one, announced = _wanted(ws, definition, pacs, each, answers)
            found[one.subject.subject_id] = one
            if announced and not dry_run:
                expect(ws.vault, [one for study in announced for one in study.instances], source=f"pacs:{source.name}")
            plans.append(_planned(ws.vault, one, announced))
            asked += [_asked(one.subject.subject_id, study) for study in announced]
    if not dry_run:
        record_held(ws.vault, trial, found, window)
    run_key = "" if dry_run else record_run(ws, definition, version.id, asked, date_from, date_to)
    return RunPlan(run_key, trial, tuple(plans), dry_run)


def follow_links(ws: Workspace, run: RunInfo, subject_key: str) -> int:
    """Add to a run the studies that what has come of a subject refers to, where the trial selects by links.

    Returns:
        How many instances the run expects more.

    Raises:
        TransientError, PermanentError: as :func:`plan_run`.
    """
    definition = run.definition
    if not selects_by_links(definition):
        return 0
    source = node(ws.connections, definition.source.pacs, ws.settings, way=definition.source.retrieve)
    subjects = enrolled(ws.vault, run.trial, [subject_key], version_id=run.key_version_id)
    with ws.vault.session(read_only=True) as session:
        answers = decided(session, run.trial)
    (found,) = _find_studies(ws, definition, source, subjects, (None, None), answers)
    with archive(source) as pacs:
        linked = linked_studies(ws, pacs, found, definition.source.modalities)
        one, announced = _wanted(ws, definition, pacs, replace(found, studies=linked, unselected=()), answers)
    asked = [_asked(one.subject.subject_id, study) for study in announced]
    expect(ws.vault, [each for study in announced for each in study.instances], source=f"pacs:{source.name}")
    return add_studies(ws, run, asked)


def _find_studies(
    ws: Workspace,
    definition: TrialDefinition,
    source: Node,
    subjects: Sequence[EnrolledSubject],
    window: tuple[date | None, date | None],
    answers: Decisions,
) -> list[SubjectStudies]:
    """Studies of all subjects, asked for before any series, so that a study of two patients is seen as such."""
    identifiers = [identifier_id for subject in subjects for identifier_id in subject.identifier_ids]
    patients = ws.vault.identities.original_ids(identifiers, caller=_CALLER, purpose=f"C-FIND for {definition.trial}")
    if not subjects:
        return []
    lookup = partial(accession_lookup, ws.vault)
    select = definition.source.select
    with archive(source) as pacs:
        found = [belonging_studies(pacs, subject, patients, window, lookup, select) for subject in subjects]
    return with_decisions(ws.vault, answers, without_shared(found))


def _wanted(
    ws: Workspace, definition: TrialDefinition, pacs: Archive, one: SubjectStudies, answers: Decisions
) -> tuple[SubjectStudies, list[AnnouncedStudy]]:
    """The wanted instances of each study; a study that the ledger files under another patient ID joins those held."""
    vault = ws.vault
    if selects_by_links(definition):
        one = replace(one, studies=one.studies + linked_studies(ws, pacs, one, definition.source.modalities))
    wanted = [(study, wanted_instances(pacs, study.found, definition.source.modalities)) for study in one.studies]
    holding = [(study, found) for study, found in wanted if found.instances]
    announced = _in_staging(vault, [(study, found.instances) for study, found in holding])
    elsewhere = _filed_under_another(vault, [instances[0] for instances in announced])
    doubtful = {
        study.found.study
        for (study, _), instances in zip(holding, announced, strict=True)
        if (one.subject.subject_id, instances[0].study) not in answers and instances[0].study in elsewhere
    }
    kept = [
        AnnouncedStudy(tuple(instances), whole=found.whole)
        for (study, found), instances in zip(holding, announced, strict=True)
        if study.found.study not in doubtful
    ]
    studies = tuple(study for study in one.studies if study.found.study not in doubtful)
    held = one.held + tuple(DoubtfulStudy(study, TWO_PATIENT_IDS) for study in sorted(doubtful))
    return replace(one, studies=studies, held=held), kept


def _planned(vault: Vault, one: SubjectStudies, announced: Sequence[AnnouncedStudy]) -> SubjectPlan:
    expected = {instance.sop_instance for study in announced for instance in study.instances}
    missing = expected - _settled(vault, [study.instances[0].study for study in announced])
    held = tuple(study.reason for study in one.held)
    plan = SubjectPlan(one.subject.subject_key, len(announced), len(expected), len(missing), held)
    _logger.info(
        "%s: %d studies, %d instances expected, %d to fetch",
        plan.subject_key,
        plan.studies,
        plan.expected,
        plan.missing,
    )
    for reason in sorted(set(held)):
        _logger.warning("%s: %d studies held: %s", plan.subject_key, held.count(reason), reason)
    return plan


def _asked(subject_id: int, announced: AnnouncedStudy) -> AskedStudy:
    """The study of ``announced``; a PACS may list one instance in two series."""
    first = announced.instances[0]
    return AskedStudy(
        subject_id,
        first.identifier_id,
        first.study,
        len({instance.sop_instance for instance in announced.instances}),
        whole=announced.whole,
    )


def _in_staging(vault: Vault, wanted: Sequence[tuple[SubjectStudy, Sequence[WantedInstance]]]) -> list[list[Announced]]:
    """The announced instances of each study by their staging pseudonyms, looked up all at once."""
    if not wanted:
        return []
    uids = {
        uid
        for _, instances in wanted
        for one in instances
        for uid in (one.instance.study, one.instance.series, one.instance.sop_instance)
    }
    pseudo = vault.pseudonyms(STAGING).resolve(Original(Kind.UID, uid) for uid in uids)
    return [
        [
            Announced(
                identifier_id=study.identifier_id,
                study=pseudo[Original(Kind.UID, one.instance.study)],
                series=pseudo[Original(Kind.UID, one.instance.series)],
                sop_instance=pseudo[Original(Kind.UID, one.instance.sop_instance)],
                sop_class=one.instance.sop_class,
                modality=one.modality,
                study_date=study.found.study_date,
            )
            for one in instances
        ]
        for study, instances in wanted
    ]


def _filed_under_another(vault: Vault, firsts: Sequence[Announced]) -> set[str]:
    """Studies that the ledger holds under a patient ID of another person, so that one of the two is wrong."""
    if not firsts:
        return set()
    with vault.session(read_only=True) as session:
        owners = select(Identifier.id, Identifier.person_id).where(
            Identifier.id.in_({first.identifier_id for first in firsts})
        )
        person = {row.id: row.person_id for row in session.execute(owners)}
        filed = (
            select(Instance.study, Identifier.person_id)
            .join(Identifier, Identifier.id == Instance.identifier_id)
            .where(Instance.study.in_({first.study for first in firsts}))
            .distinct()
        )
        persons: dict[str, set[int]] = {}
        for study, person_id in session.execute(filed):
            persons.setdefault(study, set()).add(person_id)
    return {first.study for first in firsts if persons.get(first.study, set()) - {person[first.identifier_id]}}


def _settled(vault: Vault, studies: Sequence[str]) -> set[str]:
    if not studies:
        return set()
    with vault.session(read_only=True) as session:
        statement = select(Instance.sop_instance).where(Instance.study.in_(studies), Instance.state.in_(_SETTLED))
        return set(session.scalars(statement))
