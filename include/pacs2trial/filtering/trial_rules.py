"""What a trial does with an instance: rules over the ledger, the key table's visits and the stored filter facts.

The rules are evaluated anew at every filter run, so a changed definition or key table takes effect without the PACS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pacs2trial.filtering.conditions import matches
from pacs2trial.filtering.faces import RULE as FACES
from pacs2trial.filtering.looks import Look, look_at, standing
from pacs2trial.filtering.masks import DeviceMask
from pacs2trial.filtering.pixel_decisions import Decided
from pacs2trial.filtering.selection import Unselected
from pacs2trial.filtering.site_rules import PIXEL_RULES, Facts, asked_only, obstacle, site_verdict
from pacs2trial.keytable import EnrolledSubject
from pacs2trial.keytable.studies import Answer
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.filter import FilterRule, Then
from pacs2trial.vault.tables import InstanceState, Judgement

ACCESSION_LOOKUP = "accession_lookup"
"""The fact that holds the look-up value of the original accession number, as the visits of a key table have it."""

STUDY_DATE = "study_date"
"""The fact that holds the study date (ISO 8601, empty if there is none), as the ledger has it of the first version."""

RELEASE, REJECT = "release", "reject"
"""What a person can answer to a rule that holds a staged instance."""

TO_BE_REMOVED = "faces: to be removed, not done yet"
"""Holds a series until the site's program was asked; no person's answer is asked for."""
NOT_REMOVED = "faces: not removed, "
"""What the rule begins with that holds a series whose face could not be removed; why stands behind it."""

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
        series: staging pseudonym of its series.
        pixels: what was decided about the pixels of the content that the trial uses; None if nothing was.
        waiting: what was decided about each of its contents that wait in quarantine; None where nothing was.
        face: a face could be made out from its series.
        answers: what a person answered to rules of this trial that hold it, by rule.
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
    series: str = ""
    pixels: Decided | None = None
    waiting: tuple[Decided | None, ...] = ()
    face: bool = False
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ruling:
    """A judgement and the rule that led to it; names neither a value of the object nor a person.

    ``look`` is what has to be looked at before it can be anything but held; ``mask`` names the voxels of a face, which
    are blanked when it is collected.
    """

    judgement: Judgement
    rule: str
    look: Look | None = None
    mask: str = ""


def wanted(candidate: Candidate, definition: TrialDefinition) -> bool:
    """Whether the trial asks for objects of this modality at all."""
    return candidate.modality in definition.source.modalities


def judge(
    candidate: Candidate,
    definition: TrialDefinition,
    subject: EnrolledSubject,
    *,
    masks: Sequence[DeviceMask] = (),
    detector: str = "",
) -> Ruling | None:
    """The trial's judgement; None for an instance that has not arrived and is wanted, or may be.

    In this order: a patient ID of the person that the key table does not name, and a study that a person left out, are
    not wanted; a modality that the trial does not list, or that the object does not tell, is not wanted; a study that
    ``source.select`` leaves out is not wanted, one of which that cannot be told is held unless a person gave it; what
    stage 1 or a person rejected is rejected; a series that a reviewer keeps back is rejected or held; a study of two
    persons is held, and so is one whose header contradicts others of the subject, unless a person gave it to the
    subject; a study that no visit of the key table admits is not wanted, one that several admit is held; an object of
    which another version came is held until it is decided which is used. Then the trial's own filter is asked
    (:func:`_by_filter`).

    Args:
        candidate: the instance.
        definition: of the trial.
        subject: whose it is.
        masks: the areas that the site wipes of some devices.
        detector: what looks for text in pixels here.
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
    return _by_filter(candidate, candidate.facts, definition, masks, detector)


def _by_filter(
    candidate: Candidate, facts: Facts, definition: TrialDefinition, masks: Sequence[DeviceMask], detector: str
) -> Ruling:
    """By the trial's filter, what the site does not trust, and people's answers.

    What no entry of ``wanted`` names is not wanted; of the rules the first that fits may reject it; what the site gives
    only on request is not wanted unless a rule or an entry asked for it. Whatever else speaks against it holds it: that
    it waits in quarantine or a rule of today's site does not trust it, unless its pixels were looked at and nothing but
    they was suspected; that a rule wants its pixels looked at; a rule; a face. A person may have answered to the last
    four, for this trial. The rest is accepted.
    """
    filters = definition.filter
    number = next((place for place, rule in enumerate(filters.rules) if matches(rule, facts)), None)
    rule = filters.rules[number] if number is not None else None
    named = filters.rule_name(number) if number is not None else ""
    wanted_by = next((place for place, entry in enumerate(filters.wanted) if matches(entry, facts)), None)
    if filters.wanted and wanted_by is None:
        return Ruling(Judgement.NOT_WANTED, "filter.wanted: nothing asks for it")
    if rule is not None and rule.then is Then.REJECT:
        return Ruling(Judgement.REJECTED, named)
    request = asked_only(facts)
    if request and rule is None and wanted_by is None and not _lists(candidate, request):
        return Ruling(Judgement.NOT_WANTED, f"site rule: {request}; given only if filter.rules or filter.wanted asks")
    look = look_at(candidate.instance_id, facts, definition, rule, named, masks)
    if candidate.state is InstanceState.QUARANTINED:
        return _quarantined(candidate, facts, look, detector)
    return _held(candidate, facts, definition, rule, named, look, detector) or Ruling(
        Judgement.ACCEPTED, "modality wanted"
    )


def _lists(candidate: Candidate, request: str) -> bool:
    """Whether listing the modality asks for it: presentation states have one of their own, dose reports share SR."""
    return request == "presentation-state" and candidate.modality == "PR"


def _quarantined(candidate: Candidate, facts: Facts, look: Look | None, detector: str) -> Ruling:
    told = f"quarantine: {candidate.reason}"
    stays = obstacle(facts)
    if look is None or stays or candidate.reason not in PIXEL_RULES:
        return Ruling(Judgement.HELD, f"{told}; {stays}" if stays and stays != candidate.reason else told)
    held = [one for one in candidate.waiting if one is not None and standing(one, detector)]
    if held and len(held) == len(candidate.waiting):
        return Ruling(Judgement.HELD, f"{told}; text in pixels: {held[0].reason}")
    return Ruling(Judgement.HELD, f"{told}; not looked at yet", look)


def _held(
    candidate: Candidate,
    facts: Facts,
    definition: TrialDefinition,
    rule: FilterRule | None,
    named: str,
    look: Look | None,
    detector: str,
) -> Ruling | None:
    """The first of what holds a staged object and is not answered; None if nothing does."""
    for ruling in _holding(candidate, facts, definition, rule, named, look, detector):
        answer = candidate.answers.get(ruling.rule)
        if answer == REJECT:
            return Ruling(Judgement.REJECTED, f"a person: {ruling.rule}"[:200])
        if answer != RELEASE:
            return ruling
    return None


def _holding(
    candidate: Candidate,
    facts: Facts,
    definition: TrialDefinition,
    rule: FilterRule | None,
    named: str,
    look: Look | None,
    detector: str,
) -> Iterator[Ruling]:
    decided = candidate.pixels
    if look is not None and (decided is None or not (decided.lets_in or standing(decided, detector))):
        yield Ruling(Judgement.HELD, f"{look.rule}: not looked at yet", look)
    elif decided is not None and not decided.lets_in:
        yield Ruling(Judgement.HELD, f"text in pixels: {decided.reason}")
    verdict = site_verdict(facts)
    if verdict.action != "accept":
        stays = obstacle(facts)
        if decided is None or not decided.lets_in or stays:
            yield Ruling(Judgement.HELD, f"site rule: {stays or verdict.rule}")
    if rule is not None and rule.then is Then.HOLD:
        yield Ruling(Judgement.HELD, named)
    if candidate.face and definition.filter.faces.then != "accept":
        yield Ruling(Judgement.HELD, FACES if definition.filter.faces.then == "hold" else TO_BE_REMOVED)


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
