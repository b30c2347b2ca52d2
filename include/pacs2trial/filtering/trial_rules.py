"""What a trial does with an instance: rules over the ledger, the key table's visits and the stored filter facts.

The rules are evaluated anew at every filter run, so a changed definition or key table takes effect without the PACS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pacs2trial.filtering.selection import Unselected
from pacs2trial.filtering.site_rules import site_verdict
from pacs2trial.keytable import EnrolledSubject
from pacs2trial.keytable.studies import Answer
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.tables import InstanceState, Judgement

ACCESSION_LOOKUP = "accession_lookup"
"""The fact that holds the look-up value of the original accession number, as the visits of a key table have it."""

STUDY_DATE = "study_date"
"""The fact that holds the study date (ISO 8601, empty if there is none), as the ledger has it of the first version."""

TWO_PERSONS = "the study holds instances of two persons"

_ARRIVED = {InstanceState.STAGED, InstanceState.QUARANTINED, InstanceState.REJECTED}


@dataclass(frozen=True)
class Candidate:
    """An instance of a subject as the ledger describes it; everything a rule may ask for.

    Attributes:
        shared: its study also holds instances of another person.
        study: staging pseudonym of its study.
        answer: what a person decided about its study.
        unselected: why the trial does not select its study.
        contradiction: what its header says of the patient that other studies of the subject deny; a rule's name.
        doubt: why it waits for a person which of its versions is used; empty if it does not.
        kept_back: what a reviewer decided about its series, and the rule that says so; None if nobody did.
        facts: filter facts of the original header, None when it has not arrived or the rules before need none.
    """

    instance_id: int
    identifier_id: int
    state: InstanceState
    reason: str
    modality: str
    study_date: date | None
    shared: bool
    facts: Mapping[str, Any] | None = None
    study: str = ""
    answer: Answer | None = None
    contradiction: str = ""
    unselected: Unselected | None = None
    doubt: str = ""
    kept_back: tuple[Judgement, str] | None = None


@dataclass(frozen=True)
class Ruling:
    """A judgement and the rule that led to it; names neither a value of the object nor a person."""

    judgement: Judgement
    rule: str


def wanted(candidate: Candidate, definition: TrialDefinition) -> bool:
    """Whether the trial asks for objects of this modality at all."""
    return candidate.modality in definition.source.modalities


def judge(candidate: Candidate, definition: TrialDefinition, subject: EnrolledSubject) -> Ruling | None:
    """The trial's judgement; None for an instance that has not arrived and is wanted, or may be.

    In this order: a patient ID of the person that the key table does not name, and a study that a person left out,
    are not wanted; a modality that the trial does not list, or that the object does not tell, is not wanted; a
    study that ``source.select`` leaves out is not wanted, one of which that cannot be told is held unless a person
    gave it; what stage 1 or a person rejected is rejected; a series that a reviewer keeps back is rejected or held;
    a study of two persons is held, and so is one whose header contradicts others of the subject, unless a person
    gave it to the subject; a study that no visit of the key table admits is not wanted, one that several admit is
    held; an object of which another version came is held until it is decided which is used; an object in quarantine
    and an object that the site's rules of today do not trust are held; the rest is accepted.
    """
    if early := _before_the_facts(candidate, definition, subject):
        return early
    if candidate.state not in _ARRIVED:
        return None
    if candidate.shared and candidate.answer is not Answer.BELONGS:
        return Ruling(Judgement.HELD, TWO_PERSONS)
    if candidate.facts is None:
        return Ruling(Judgement.HELD, "the facts of the original header are not known")
    if candidate.unselected and candidate.answer is not Answer.BELONGS:
        return Ruling(Judgement.HELD, candidate.unselected.rule)
    if candidate.contradiction and candidate.answer is not Answer.BELONGS:
        return Ruling(Judgement.HELD, candidate.contradiction)
    admitted = subject.admitting(candidate.identifier_id, candidate.facts.get(ACCESSION_LOOKUP), candidate.study_date)
    if admitted == 0:
        return Ruling(Judgement.NOT_WANTED, "the study matches no visit")
    if admitted is not None and admitted > 1:
        return Ruling(Judgement.HELD, "the study matches several visits")
    if candidate.doubt:
        return Ruling(Judgement.HELD, candidate.doubt)
    if candidate.state is InstanceState.QUARANTINED:
        return Ruling(Judgement.HELD, f"quarantine: {candidate.reason}")
    verdict = site_verdict(candidate.facts)
    if verdict.action != "accept":
        return Ruling(Judgement.HELD, f"site rule: {verdict.rule}")
    return Ruling(Judgement.ACCEPTED, "modality wanted")


def _before_the_facts(candidate: Candidate, definition: TrialDefinition, subject: EnrolledSubject) -> Ruling | None:
    """The judgement that needs nothing of the object but what the ledger says."""
    if candidate.identifier_id not in subject.identifier_ids:
        return Ruling(Judgement.NOT_WANTED, "the patient ID is not in this trial's key table")
    if candidate.answer is Answer.LEFT_OUT:
        return Ruling(Judgement.NOT_WANTED, "a person left the study out")
    if candidate.state not in _ARRIVED and not candidate.modality:
        return None
    if not wanted(candidate, definition):
        return Ruling(Judgement.NOT_WANTED, f"modality {candidate.modality} is not in source.modalities")
    if candidate.unselected and not candidate.unselected.doubtful and candidate.answer is not Answer.BELONGS:
        return Ruling(Judgement.NOT_WANTED, candidate.unselected.rule)
    if candidate.state is InstanceState.REJECTED:
        return Ruling(Judgement.REJECTED, f"stage 1: {candidate.reason}")
    if candidate.kept_back is not None and candidate.state in _ARRIVED:
        return Ruling(*candidate.kept_back)
    return None
