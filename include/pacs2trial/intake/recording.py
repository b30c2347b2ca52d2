"""Group commit: what several threads have ready at one moment enters the vault in one transaction, with one flush.

Whoever comes first takes all that waits along; the others find it done. Alone, an object waits for nobody. Nothing is
answered before the transaction that holds it is committed (promise 5).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from pacs2trial.errors import TransientError
from pacs2trial.staging.ledger import Arrival, Content, Recorded, enter_first, enter_staged
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import Vault
from pacs2trial.vault.pseudonyms import Draft, SupersededError
from pacs2trial.vault.tables import InstanceState


class OvertakenError(Exception):
    """The ledger knows an instance that was thought to be new: it came by another way at the same moment."""


@dataclass(eq=False)
class Ready:
    """An object whose file is durable under its final name, and which the vault does not know of yet.

    Attributes:
        draft: its pseudonyms.
        arrival: what it is.
        content: where it lies.
        first: whether the ledger knew nothing of the instance.
        renamed: see :func:`pacs2trial.staging.ledger.record_staged`.
        released: see :func:`pacs2trial.staging.ledger.enter_staged`.
    """

    draft: Draft
    arrival: Arrival
    content: Content
    first: bool
    renamed: bool = False
    released: str = ""
    outcome: Recorded | Exception | None = field(default=None, init=False)


class Recorder:
    """Records what is ready; safe for threads."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._waiting: list[Ready] = []
        self._joining = threading.Lock()
        self._leading = threading.Lock()

    def record(self, ready: Ready) -> Recorded:
        """Commit pseudonyms and ledger rows of an object, alone or with others.

        Raises:
            OvertakenError: it was to be the first of its instance, and is not; nothing of it is recorded.
            TransientError: the vault cannot be written; nothing of it is recorded.
        """
        with self._joining:
            self._waiting.append(ready)
        with self._leading:
            if ready.outcome is None:
                self._lead()
        if isinstance(ready.outcome, Recorded):
            return ready.outcome
        raise ready.outcome or TransientError("the object was not recorded; send it again")

    def _lead(self) -> None:
        with self._joining:
            together, self._waiting = self._waiting, []
        fault = self._commit(together)
        if fault is None:
            return
        for ready in together:
            # one that cannot be recorded must not keep the others from it, unless the vault itself is not there
            is_final = len(together) == 1 or _is_of_vault(fault)
            alone = fault if is_final else self._commit([ready])
            ready.outcome = alone or ready.outcome

    def _commit(self, together: Sequence[Ready]) -> Exception | None:
        """One transaction; an error is returned, and nothing of the transaction stays."""
        pseudonyms = self._vault.pseudonyms(STAGING)
        drafts = [ready.draft for ready in together]
        try:
            with self._vault.writing() as connection:
                pseudonyms.keep(connection, drafts)
                first = [(ready.arrival, ready.content) for ready in together if ready.first]
                entered = enter_first(connection, first) if first else set()
                outcomes = [_outcome(connection, ready, entered) for ready in together]
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for this object
            return error
        pseudonyms.kept(drafts)
        for ready, outcome in zip(together, outcomes, strict=True):
            ready.outcome = outcome
        return None


def _outcome(connection: Connection, ready: Ready, entered: set[str]) -> Recorded | Exception:
    if ready.first:
        new = ready.arrival.instance.sop_instance in entered
        return Recorded(InstanceState.STAGED, "", new=True) if new else OvertakenError()
    with Session(connection, expire_on_commit=False) as session, session.begin():
        return enter_staged(session, ready.arrival, ready.content, renamed=ready.renamed, released=ready.released)


def _is_of_vault(fault: Exception) -> bool:
    """Whether an error concerns every object alike."""
    return isinstance(fault, TransientError) and not isinstance(fault, SupersededError)
