from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from pacs2trial.errors import TransientError
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Lock
from pacs2trial.workspace import Workspace
from support.processes import Child
from support.waiting import eventually


def test_a_name_has_one_holder_at_a_time(vault: Vault, vault_settings: Settings) -> None:
    other = Vault.open(vault_settings)
    refused = pytest.raises(TransientError, match="T/LA-001 is being worked on")
    with vault.lock("T/LA-001"), refused, other.lock("T/LA-001"):
        pass
    with other.lock("T/LA-001"):
        pass


def test_names_do_not_block_each_other(workspace: Workspace) -> None:
    with workspace.vault.lock("T/LA-001"), workspace.vault.lock("T/LA-002"):
        pass


def test_a_lock_is_given_back_after_an_error(workspace: Workspace) -> None:
    with pytest.raises(KeyError), workspace.vault.lock("T/LA-001"):
        raise KeyError
    with workspace.vault.lock("T/LA-001"):
        pass


def test_a_lock_outlives_its_lease_while_it_is_held(workspace: Workspace) -> None:
    with workspace.vault.lock("T/LA-001", ttl=2):
        time.sleep(2.5)
        with pytest.raises(TransientError), Vault.open(workspace.settings).lock("T/LA-001"):
            pass


def test_the_lock_of_a_killed_process_runs_out(vault: Vault, vault_settings: Settings) -> None:
    def hold(send: Callable[[Any], None]) -> None:
        with Vault.open(vault_settings).lock("T/LA-001", ttl=4):
            send("held")
            time.sleep(60)

    child = Child(hold)
    assert child.result() == "held"
    child.kill()
    with pytest.raises(TransientError), vault.lock("T/LA-001"):
        pass

    def runs_out() -> bool:
        try:
            with vault.lock("T/LA-001"):
                return True
        except TransientError:
            return False

    eventually(runs_out)


def test_a_lost_lock_fails_the_work_it_protected(vault: Vault) -> None:
    with pytest.raises(TransientError, match="must be repeated"), vault.lock("T/LA-001"), vault.session() as session:
        session.query(Lock).delete()
