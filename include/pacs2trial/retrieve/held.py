"""Studies of which it is in doubt whose they are: written down, so that nothing of the subject leaves meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import delete

from pacs2trial.retrieve.announced import SubjectStudies
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.tables import HeldStudy, Kind


def record_held(
    vault: Vault, trial: str, found: Mapping[int, SubjectStudies], window: tuple[date | None, date | None]
) -> None:
    """Replace what is known of held studies by what the PACS has just shown.

    A question is settled when the study no longer is in doubt, because the key table or the PACS was corrected. A run
    over a window of dates sees only part of the studies: it adds questions and settles only those it saw.

    Args:
        vault: the vault.
        trial: trial ID.
        found: the studies of each subject that was asked for, by subject.
        window: first and last study date that was asked for.
    """
    uids = {Original(Kind.UID, one.study) for studies in found.values() for one in studies.held}
    uids |= {Original(Kind.UID, one.found.study) for studies in found.values() for one in studies.studies}
    staged = vault.pseudonyms(STAGING).resolve(uids)
    with vault.session() as session:
        for subject_id, studies in found.items():
            settled = delete(HeldStudy).where(HeldStudy.trial == trial, HeldStudy.subject_id == subject_id)
            if window != (None, None):
                seen = [one.study for one in studies.held] + [one.found.study for one in studies.studies]
                settled = settled.where(HeldStudy.study.in_([staged[Original(Kind.UID, uid)] for uid in seen]))
            session.execute(settled)
            reasons = {staged[Original(Kind.UID, one.study)]: one.reason for one in studies.held}
            session.add_all(
                HeldStudy(trial=trial, subject_id=subject_id, study=study, reason=reason)
                for study, reason in sorted(reasons.items())
            )
