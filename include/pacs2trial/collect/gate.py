"""Whether a subject may be collected: everything expected is there, nothing waits for a person (promise 4)."""

from __future__ import annotations

from sqlalchemy import select

from pacs2trial.errors import BalanceError, HeldError
from pacs2trial.staging.balance import balance
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import HeldStudy, Subject


def require_deliverable(vault: Vault, definition: TrialDefinition, subject_key: str) -> None:
    """Return if nothing in the subject's balance forbids a package.

    Raises:
        BalanceError: instances are missing, failed, or still waited for.
        HeldError: instances wait for the filter or for a person, or it is in doubt whose a study is.
    """
    trial = definition.trial
    (found,) = balance(vault, trial, [subject_key], modalities=definition.source.modalities)
    where = f"{trial}/{subject_key}"
    lost = _named(missing=found.missing, failed=found.failed, waiting=found.waiting)
    if lost:
        raise BalanceError(f"{where}: {lost}; run pacs2trial retrieve {trial} --subject {subject_key}")
    doubts = _doubts(vault, trial, subject_key)
    if doubts:
        raise HeldError(
            f"{where}: {len(doubts)} studies held ({'; '.join(sorted(set(doubts)))}); decide with pacs2trial "
            f"keys doubts {trial}, or correct the key table or the PACS; then run pacs2trial retrieve {trial} "
            f"--subject {subject_key}"
        )
    if found.undecided:
        raise HeldError(f"{where}: {found.undecided} undecided; run pacs2trial filter {trial}")
    if found.held:
        raise HeldError(
            f"{where}: {found.held} held; decide with pacs2trial quarantine {trial}, where it is in doubt whose they "
            f"are with pacs2trial keys doubts {trial}, where other versions came with pacs2trial versions {trial}"
        )


def _doubts(vault: Vault, trial: str, subject_key: str) -> list[str]:
    """Why studies of the subject at the PACS wait for a person."""
    with vault.session(read_only=True) as session:
        return list(
            session.scalars(
                select(HeldStudy.reason)
                .join(Subject, Subject.id == HeldStudy.subject_id)
                .where(HeldStudy.trial == trial, Subject.key == subject_key)
            )
        )


def _named(**counts: int) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)
