"""Whether a subject may be collected: everything expected is there, nothing waits for a person (promise 4)."""

from __future__ import annotations

from pacs2trial.errors import BalanceError, HeldError
from pacs2trial.staging.balance import balance
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault import Vault


def require_deliverable(vault: Vault, definition: TrialDefinition, subject_key: str) -> None:
    """Return if nothing in the subject's balance forbids a package.

    Raises:
        BalanceError: instances are missing, failed, or still waited for.
        HeldError: instances wait for the filter or for a person.
    """
    trial = definition.trial
    (found,) = balance(vault, trial, [subject_key], modalities=definition.source.modalities)
    where = f"{trial}/{subject_key}"
    lost = _named(missing=found.missing, failed=found.failed, waiting=found.waiting)
    if lost:
        raise BalanceError(f"{where}: {lost}; run pacs2trial retrieve {trial} --subject {subject_key}")
    if found.undecided:
        raise HeldError(f"{where}: {found.undecided} undecided; run pacs2trial filter {trial}")
    if found.held:
        raise HeldError(f"{where}: {found.held} held; decide with pacs2trial quarantine {trial}")


def _named(**counts: int) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)
