"""Everything that the way of a subject from filter to delivery is decided by, as one digest.

What that way itself writes (judgements, packages, proofs, questions for review, deliveries) is no part of it: a pass
must not make the next one look necessary. Tables are read for all subjects at once.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from pacs2trial import __version__
from pacs2trial.filtering.pixel_decisions import detector
from pacs2trial.profile.site_list import site_list
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.face_programs import face_programs
from pacs2trial.trials.load import canonical
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import (
    HeldDecision,
    HeldStudy,
    Identifier,
    Instance,
    MaskRule,
    PixelDecision,
    QuarantineItem,
    Review,
    SeriesDecision,
    StudyDecision,
    Subject,
    TrialInstance,
    VersionDecision,
)
from pacs2trial.workspace import Workspace

READ: Final = frozenset(
    {"subject", "identifier", "instance", "quarantine_item", "held_study", "study_decision", "series_decision"}
    | {"version_decision", "review", "trial_instance", "held_decision", "pixel_decision", "mask_rule"}
)
"""Tables of the vault that decide what a pass does; of reviews only the answers, of judgements only those
revoked, of looks at pixels only what people said."""

_WHEN_AND_FOR_WHOM = ("schedule", "start", "owner", "tags", "paused", "late_after", "notify")
"""Fields of a definition that say how a run is started and shown, not what it makes."""

TO_BE_JUDGED_ANEW = 0
"""Number of contents in a judgement that a person's decision made void."""


def inputs(ws: Workspace, definition: TrialDefinition, subject_keys: Collection[str]) -> dict[str, str]:
    """The digest of each subject's inputs, by subject key; unknown and withdrawn ones are left out.

    It holds definition, release, the site's list of safe private attributes, how pixels are looked at and faces
    removed, the areas that are wiped of devices, the subject's revision of the key table, every instance of the
    subject's studies (also those filed under somebody else, which put them in doubt), and what people decided. Answers
    of look-ups are not in it: they stand where nobody tells of a change.
    """
    unsaid = {name: TrialDefinition.model_fields[name].default for name in _WHEN_AND_FOR_WHOM}
    deciding = definition.model_copy(update=unsaid)
    found: dict[str, str] = {}
    with ws.vault.session(read_only=True) as session:
        masks = session.scalar(select(func.max(MaskRule.version)))
        of_site = [__version__, site_list(ws.settings), detector(ws.settings), masks, *_programs(ws, definition)]
        common = _digest([canonical(deciding), *of_site])
        for keys in batches(sorted(subject_keys)):
            found |= _of_batch(session, definition.trial, keys, common)
    return found


def _programs(ws: Workspace, definition: TrialDefinition) -> list[tuple[str, str | None]]:
    """What removes faces here, and where it is, if the trial has them removed."""
    if definition.filter.faces.then != "deface":
        return []
    return [(one.digest, one.found()) for one in face_programs(ws.settings.face_programs)]


def _of_batch(session: Session, trial: str, keys: Sequence[str], common: str) -> dict[str, str]:
    subjects = session.execute(
        select(Subject.id, Subject.key, Subject.person_id, Subject.revision).where(
            Subject.trial == trial, Subject.key.in_(keys), Subject.withdrawn_at.is_(None)
        )
    ).all()
    ids = [row.id for row in subjects]
    studies: dict[int, list[str]] = defaultdict(list)
    for subject_id, study in session.execute(_studies(ids)):
        studies[subject_id].append(study)
    of_study = _by_study(session, trial, {study for several in studies.values() for study in several})
    of_subject = _by_subject(session, trial, ids)
    return {
        row.key: _digest(
            [
                common,
                tuple(row),
                *((study, of_study[study]) for study in sorted(studies[row.id])),
                *sorted(of_subject[row.id]),
            ]
        )
        for row in subjects
    }


def _studies(subject_ids: Sequence[int]) -> Select[int, str]:
    return (
        select(Subject.id, Instance.study)
        .join(Identifier, Identifier.person_id == Subject.person_id)
        .join(Instance, Instance.identifier_id == Identifier.id)
        .where(Subject.id.in_(subject_ids))
        .distinct()
    )


def _by_study(session: Session, trial: str, studies: Collection[str]) -> dict[str, str]:
    """The digest of what stands in the ledger of each study, and of what was decided about its instances."""
    hashes: dict[str, Any] = defaultdict(hashlib.sha256)
    for some in batches(sorted(studies)):
        in_ledger = select(
            Instance.study, Instance.id, Instance.identifier_id, Instance.state, Instance.contents, Instance.modality
        ).where(Instance.study.in_(some))
        versions = (
            select(Instance.study, VersionDecision.instance_id, VersionDecision.version_id, VersionDecision.contents)
            .join(Instance, Instance.id == VersionDecision.instance_id)
            .where(VersionDecision.trial == trial, Instance.study.in_(some))
        )
        series = select(SeriesDecision.study, SeriesDecision.series, SeriesDecision.answer).where(
            SeriesDecision.trial == trial, SeriesDecision.study.in_(some)
        )
        released = (
            select(Instance.study, HeldDecision.instance_id, HeldDecision.rule, HeldDecision.answer)
            .join(Instance, Instance.id == HeldDecision.instance_id)
            .where(HeldDecision.trial == trial, Instance.study.in_(some))
        )
        looked_at = (
            select(Instance.study, PixelDecision.id, PixelDecision.outcome, PixelDecision.areas)
            .join(Instance, Instance.id == PixelDecision.instance_id)
            .where(PixelDecision.decided_by != "", Instance.study.in_(some))
        )
        quarantined = (
            select(Instance.study, QuarantineItem.id, QuarantineItem.state)
            .join(Instance, Instance.id == QuarantineItem.instance_id)
            .where(Instance.study.in_(some))
        )
        for query in (
            in_ledger.order_by(Instance.id),
            versions.order_by(VersionDecision.instance_id),
            quarantined.order_by(QuarantineItem.id),
            series.order_by(SeriesDecision.series),
            released.order_by(HeldDecision.id),
            looked_at.order_by(PixelDecision.id),
        ):
            for study, *row in session.execute(query):
                hashes[study].update(repr(row).encode())
    return {study: one.hexdigest() for study, one in hashes.items()}


def _by_subject(session: Session, trial: str, ids: Sequence[int]) -> dict[int, list[str]]:
    """What waits for a person, what was decided, and judgements that are void, by subject."""
    held = select(HeldStudy.subject_id, HeldStudy.study, HeldStudy.reason).where(HeldStudy.trial == trial)
    decided = select(
        StudyDecision.subject_id, StudyDecision.person_id, StudyDecision.study, StudyDecision.answer
    ).where(StudyDecision.trial == trial)
    answered = select(Review.subject_id, Review.content_digest, Review.state).where(
        Review.trial == trial, Review.answered_at.is_not(None)
    )
    void = select(TrialInstance.subject_id, TrialInstance.instance_id).where(
        TrialInstance.trial == trial, TrialInstance.contents == TO_BE_JUDGED_ANEW
    )
    found: dict[int, list[str]] = defaultdict(list)
    for name, query, subject_id in (
        ("held", held, HeldStudy.subject_id),
        ("decided", decided, StudyDecision.subject_id),
        ("answered", answered, Review.subject_id),
        ("void", void, TrialInstance.subject_id),
    ):
        for whose, *row in session.execute(query.where(subject_id.in_(ids))):
            found[whose].append(f"{name} {row!r}")
    return found


def _digest(parts: Iterable[Any]) -> str:
    made = hashlib.sha256()
    for part in parts:
        made.update(repr(part).encode() + b"\n")
    return made.hexdigest()
