"""What a PACS announces for the subjects of a trial, and which of it belongs to them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from pacs2trial.filtering.selection import StudySeen, unselected
from pacs2trial.keytable import EnrolledSubject
from pacs2trial.network.archive import Archive
from pacs2trial.network.results import InstanceFound, StudyFound
from pacs2trial.trials.select import Select

_logger = logging.getLogger(__name__)

TWO_VISITS = "a study matches two rows of the key table"
TWO_PATIENT_IDS = "a study is known under two patient IDs"
ISSUER_UNKNOWN = "a study names an issuer of patient ID, the key table and PACS2TRIAL_ISSUER name none"


@dataclass(frozen=True)
class SubjectStudy:
    """A study of one subject, under one patient ID."""

    identifier_id: int
    found: StudyFound


@dataclass(frozen=True)
class DoubtfulStudy:
    """A study that waits for a person, by its original UID, and why.

    ``taken`` is what is asked for once a person says that the study is the subject's; None where that cannot settle it.
    """

    study: str = field(repr=False)
    reason: str
    taken: SubjectStudy | None = None


@dataclass(frozen=True)
class SubjectStudies:
    """The studies that belong to a subject, and those of which that is in doubt."""

    subject: EnrolledSubject
    studies: tuple[SubjectStudy, ...]
    held: tuple[DoubtfulStudy, ...]
    unselected: tuple[SubjectStudy, ...] = ()
    """Studies that the trial does not select by their own properties; objects of others may refer to them."""


@dataclass(frozen=True)
class WantedInstance:
    """An instance of a wanted series; ``modality`` is the series'."""

    instance: InstanceFound = field(repr=False)
    modality: str


@dataclass(frozen=True)
class WantedInstances:
    """The wanted instances of a study; ``whole`` when the PACS showed no other series, so that it may come at once."""

    instances: tuple[WantedInstance, ...] = field(repr=False)
    whole: bool


def belonging_studies(
    pacs: Archive,
    subject: EnrolledSubject,
    patients: Mapping[int, tuple[str, str]],
    window: tuple[date | None, date | None],
    accession_lookup: Callable[[str], str | None],
    select: Select | None = None,
) -> SubjectStudies:
    """Ask the PACS for the studies of a subject's patient IDs, and keep those that are the subject's.

    Args:
        pacs: an open line to the PACS.
        subject: whom to ask for.
        patients: issuer and patient ID by identifier.
        window: first and last study date, inclusive.
        accession_lookup: from an accession number to the keyed value that key tables hold.
        select: which of the subject's studies the trial selects; None for all.
    """
    studies: list[SubjectStudy] = []
    held: list[DoubtfulStudy] = []
    left: list[SubjectStudy] = []
    for identifier_id in subject.identifier_ids:
        issuer, patient_id = patients[identifier_id]
        for found in pacs.studies(patient_id, *window):
            if found.issuer and found.issuer != issuer:
                # Another hospital's patient with the same number, unless our side does not say which hospital it means.
                held += [] if issuer else [DoubtfulStudy(found.study, ISSUER_UNKNOWN)]
                _logger.warning("%s: study dropped, it names another issuer of patient ID", subject.subject_key)
                continue
            lookup = accession_lookup(found.accession_number)
            admitted = subject.admitting(identifier_id, lookup, found.study_date)
            if admitted in (None, 1):
                descriptions = None if found.description is None else (found.description,)
                seen = StudySeen(identifier_id, lookup, found.study_date, descriptions)
                one = SubjectStudy(identifier_id, found)
                why_not = unselected(select, subject, seen)
                if why_not is None:
                    studies.append(one)
                elif why_not.doubtful:
                    held.append(DoubtfulStudy(found.study, why_not.rule, one))
                else:
                    left.append(one)
            elif admitted:
                held.append(DoubtfulStudy(found.study, TWO_VISITS))
            else:
                _logger.info("%s: a study matches no row of the key table and is left out", subject.subject_key)
    if left:
        _logger.info("%s: %d studies are left out by source.select", subject.subject_key, len(left))
    return SubjectStudies(subject, tuple(studies), tuple(held), tuple(left))


def without_shared(found: Sequence[SubjectStudies]) -> list[SubjectStudies]:
    """Hold every study that was answered for the patient IDs of two subjects: whose it is, only a person can say.

    One that was answered for several patient IDs of the same subject is the subject's, and is asked for once.
    """
    found = [replace(one, studies=_each_once(one.studies), unselected=_each_once(one.unselected)) for one in found]
    found = [replace(one, unselected=_without(one.unselected, one.studies)) for one in found]
    owners = Counter(study.found.study for one in found for study in (*one.studies, *one.unselected))
    return [
        replace(
            one,
            studies=tuple(study for study in one.studies if owners[study.found.study] == 1),
            held=one.held
            + tuple(
                DoubtfulStudy(study.found.study, TWO_PATIENT_IDS, study)
                for study in one.studies
                if owners[study.found.study] > 1
            ),
            unselected=tuple(study for study in one.unselected if owners[study.found.study] == 1),
        )
        for one in found
    ]


def _each_once(studies: Sequence[SubjectStudy]) -> tuple[SubjectStudy, ...]:
    """The first of those with the same Study Instance UID."""
    return tuple({study.found.study: study for study in reversed(studies)}.values())[::-1]


def _without(studies: Sequence[SubjectStudy], others: Sequence[SubjectStudy]) -> tuple[SubjectStudy, ...]:
    known = {other.found.study for other in others}
    return tuple(study for study in studies if study.found.study not in known)


def wanted_instances(pacs: Archive, study: StudyFound, modalities: Collection[str]) -> WantedInstances:
    """All instances of those series of a study whose modality is wanted.

    A series of which the PACS does not tell the modality is asked for: the object itself will tell. A study of which it
    tells the modalities (0008,0061), and none of them is wanted, is not looked into.
    """
    if study.modalities and not set(study.modalities) & set(modalities):
        return WantedInstances((), whole=False)
    series = pacs.series(study, modalities)
    wanted = [one for one in series if one.modality in modalities or not one.modality]
    return WantedInstances(
        tuple(WantedInstance(instance, one.modality) for one in wanted for instance in pacs.instances(one)),
        whole=len(wanted) == len(series),
    )
