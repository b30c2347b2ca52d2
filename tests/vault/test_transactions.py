"""Transactions that may only read, and those that may write, on the same few connections."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from pacs2trial.errors import Pacs2TrialError
from pacs2trial.vault import Vault

WRITE = text("DELETE FROM pseudonym")


def test_a_reading_transaction_refuses_to_write_whatever_its_connection_did_before(vault: Vault) -> None:
    for _ in range(3):
        with pytest.raises(Pacs2TrialError, match=r"(?i)read_?only"), vault.session(read_only=True) as session:
            session.execute(WRITE)
        with vault.session() as session:
            session.execute(WRITE)
        with vault.session(read_only=True) as session:
            assert session.execute(text("SELECT count(*) FROM pseudonym")).scalar() == 0
