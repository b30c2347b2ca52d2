"""Studies in doubt on which a person has decided take their way again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pacs2trial.keytable.studies import Answer, Decisions
from pacs2trial.retrieve.announced import SubjectStudies
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.tables import Kind


def with_decisions(vault: Vault, answers: Decisions, found: Sequence[SubjectStudies]) -> list[SubjectStudies]:
    """The studies of each subject once the decisions of people are heeded.

    A study that a person gave to the subject is taken, one that a person left out is neither taken nor held.
    """
    if not answers:
        return list(found)
    uids = {study.found.study for one in found for study in one.studies} | {
        study.study for one in found for study in one.held
    }
    staged = vault.pseudonyms(STAGING).resolve(Original(Kind.UID, uid) for uid in uids)

    def answer(one: SubjectStudies, uid: str) -> Answer | None:
        return answers.get((one.subject.subject_id, staged[Original(Kind.UID, uid)]))

    return [
        replace(
            one,
            studies=(
                *(study for study in one.studies if answer(one, study.found.study) is not Answer.LEFT_OUT),
                *(doubt.taken for doubt in one.held if doubt.taken and answer(one, doubt.study) is Answer.BELONGS),
            ),
            held=tuple(
                doubt
                for doubt in one.held
                if answer(one, doubt.study) is None or (answer(one, doubt.study) is Answer.BELONGS and not doubt.taken)
            ),
        )
        for one in found
    ]
