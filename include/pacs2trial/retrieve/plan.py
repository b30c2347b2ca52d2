"""Planning a run: what the PACS holds of each subject is written down as expected before any of it is moved."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from sqlalchemy import select

from pacs2trial.keytable import EnrolledSubject, accession_lookup, current_version, enrolled
from pacs2trial.network.find import inquiry
from pacs2trial.network.peer import Peer, peer
from pacs2trial.retrieve.announced import (
    TWO_PATIENT_IDS,
    SubjectStudies,
    SubjectStudy,
    WantedInstance,
    belonging_studies,
    wanted_instances,
    without_shared,
)
from pacs2trial.retrieve.runs import AskedStudy, record_run
from pacs2trial.staging.ledger import Announced, expect
from pacs2trial.trials.definition import STAGING, TrialDefinition
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.tables import Instance, InstanceState, Kind
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
    node = peer(ws.connections, definition.source.pacs, ws.settings)
    plans: list[SubjectPlan] = []
    asked: list[AskedStudy] = []
    for one in _find_studies(ws, trial, node, chosen, (date_from, date_to)):
        plan, studies = _plan_subject(ws, definition, node, one, dry_run=dry_run)
        plans.append(plan)
        asked += studies
    run_key = "" if dry_run else record_run(ws, definition, version.id, asked, date_from, date_to)
    return RunPlan(run_key, trial, tuple(plans), dry_run)


def _find_studies(
    ws: Workspace,
    trial: str,
    node: Peer,
    subjects: Sequence[EnrolledSubject],
    window: tuple[date | None, date | None],
) -> list[SubjectStudies]:
    """Studies of all subjects, asked for before any series, so that a study of two patients is seen as such."""
    identifiers = [identifier_id for subject in subjects for identifier_id in subject.identifier_ids]
    patients = ws.vault.identities.original_ids(identifiers, caller=_CALLER, purpose=f"C-FIND for {trial}")
    if not subjects:
        return []
    lookup = partial(accession_lookup, ws.vault)
    with inquiry(node) as over:
        found = [belonging_studies(node, over, subject, patients, window, lookup) for subject in subjects]
    return without_shared(found)


def _plan_subject(
    ws: Workspace, definition: TrialDefinition, node: Peer, one: SubjectStudies, *, dry_run: bool
) -> tuple[SubjectPlan, list[AskedStudy]]:
    held = list(one.held)
    asked: list[AskedStudy] = []
    announced: list[Announced] = []
    with inquiry(node) as over:
        wanted = [
            (study, wanted_instances(node, over, study.found, definition.source.modalities)) for study in one.studies
        ]
    for instances in _in_staging(ws.vault, [pair for pair in wanted if pair[1]]):
        if _filed_under_another(ws.vault, instances):
            held.append(TWO_PATIENT_IDS)
            continue
        first = instances[0]
        asked.append(AskedStudy(one.subject.subject_id, first.identifier_id, first.study, _number(instances)))
        announced += instances
    if not dry_run:
        expect(ws.vault, announced, source=f"pacs:{node.name}")
    missing = {instance.sop_instance for instance in announced} - _settled(ws.vault, [study.study for study in asked])
    plan = SubjectPlan(one.subject.subject_key, len(asked), _number(announced), len(missing), tuple(held))
    _logger.info(
        "%s: %d studies, %d instances expected, %d to fetch",
        plan.subject_key,
        plan.studies,
        plan.expected,
        plan.missing,
    )
    for reason in sorted(set(held)):
        _logger.warning("%s: %d studies held: %s", plan.subject_key, held.count(reason), reason)
    return plan, asked


def _in_staging(vault: Vault, wanted: Sequence[tuple[SubjectStudy, Sequence[WantedInstance]]]) -> list[list[Announced]]:
    """The announced instances of each study by their staging pseudonyms, looked up all at once."""
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


def _filed_under_another(vault: Vault, instances: Sequence[Announced]) -> bool:
    """Whether the ledger holds this study under another patient ID, so that one of the two is wrong."""
    first = instances[0]
    with vault.session(read_only=True) as session:
        statement = select(Instance.id).where(
            Instance.study == first.study, Instance.identifier_id != first.identifier_id
        )
        return session.scalar(statement.limit(1)) is not None


def _number(announced: Sequence[Announced]) -> int:
    """How many different SOP instances these are: a PACS may list one in two series."""
    return len({instance.sop_instance for instance in announced})


def _settled(vault: Vault, studies: Sequence[str]) -> set[str]:
    with vault.session(read_only=True) as session:
        statement = select(Instance.sop_instance).where(Instance.study.in_(studies), Instance.state.in_(_SETTLED))
        return set(session.scalars(statement))
