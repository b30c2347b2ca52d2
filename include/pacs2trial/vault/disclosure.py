"""The record of every decryption: who asked, why, how many values. Never which."""

from __future__ import annotations

from pacs2trial.vault.database import Database
from pacs2trial.vault.tables import Disclosure


class Disclosures:
    """Appends to the table of disclosures, which refuses every change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, caller: str, purpose: str, count: int) -> None:
        """Write one disclosure of ``count`` values, committed before the values are handed out; none if nothing is."""
        if not count:
            return
        with self._database.session() as session:
            session.add(Disclosure(caller=caller[:64], purpose=purpose[:200], count=count))
