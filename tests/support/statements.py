"""Listening to what a vault asks its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from pacs2trial.vault import Vault, direct


@contextmanager
def heard(vault: Vault) -> Iterator[list[str]]:
    """The statements that go to the database in this block; one that the driver repeats for rows stands for each."""
    said: list[str] = []
    rows = direct.rows

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_context: Any) -> None:
        said.extend([statement] * (len(parameters) if isinstance(parameters, list) else 1))

    def note_direct(connection: Any, statement: Any, values: Any) -> Any:
        if connection.engine.pool is vault.engine.pool:
            said.append(str(statement.compile(connection.engine)))
        return rows(connection, statement, values)

    event.listen(vault.engine, "before_cursor_execute", note)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(direct, "rows", note_direct)
            yield said
    finally:
        event.remove(vault.engine, "before_cursor_execute", note)
