"""Quarantined objects: encrypted, durable, counted once, listed without naming anybody."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from pacs2trial.clearance.decisions import release
from pacs2trial.errors import InputError, PermanentError, TransientError
from pacs2trial.filtering.decisions import discard, reject
from pacs2trial.staging import ledger, quarantine
from pacs2trial.vault.tables import AuditEntry, Disclosure, InstanceState, Judgement
from pacs2trial.workspace import Workspace
from support.ledgers import Book

NAME = b"ZEBRAFINCH^QUENTIN"
OBJECT = (b"a preamble", b"an object of " + NAME)


def keep(ws: Workspace, number: int = 1, data: tuple[bytes, ...] = OBJECT) -> str:
    arrival = Book(ws.vault).arrival("A1", number, modality="US")
    return quarantine.keep(ws, data, reason="ultrasound", detail="a rule", instance=arrival).token


def test_what_is_kept_is_encrypted_and_comes_back_whole(workspace: Workspace):
    token = keep(workspace)
    on_disk = (workspace.settings.quarantine / token).read_bytes()
    assert NAME not in on_disk
    assert quarantine.read(workspace, token, caller="test", purpose="a look") == b"".join(OBJECT)


def test_reading_is_recorded_as_a_disclosure(workspace: Workspace):
    token = keep(workspace)
    quarantine.read(workspace, token, caller="preview", purpose="a look at one object")
    with workspace.vault.session(read_only=True) as session:
        assert "a look at one object" in session.scalars(select(Disclosure.purpose)).all()


def test_the_same_object_again_is_counted_once(workspace: Workspace):
    arrival = Book(workspace.vault).arrival("A1", 1)
    first, again = (
        quarantine.keep(workspace, OBJECT, reason="ultrasound", detail="", instance=arrival) for _ in range(2)
    )
    assert (first.new, again.new, first.token == again.token) == (True, False, True)
    assert len(quarantine.items(workspace)) == len(list(workspace.settings.quarantine.iterdir())) == 1


def test_the_expected_instance_becomes_quarantined(workspace: Workspace):
    book = Book(workspace.vault)
    ledger.expect(workspace.vault, [book.announced("A1", 1)], source="pacs:main")
    keep(workspace)
    assert set(book.states().values()) == {InstanceState.QUARANTINED}


def test_an_object_of_nobody_knows_whom_is_kept_without_an_instance(workspace: Workspace):
    quarantine.keep(workspace, OBJECT, reason="truncated", detail="ends early", instance=None)
    (item,) = quarantine.items(workspace)
    assert (item.sop_instance, item.subjects, item.reason) == ("", {}, "truncated")
    assert Book(workspace.vault).states() == {}


def test_the_list_of_a_trial_holds_its_subjects_objects_unless_it_does_not_want_them(workspace: Workspace):
    book = Book(workspace.vault)
    token = keep(workspace)
    subject = book.enrol("LUNGART", "LA-001", "A1")
    (item,) = quarantine.items(workspace, "LUNGART")
    assert (item.token, item.subjects, item.modality) == (token, {"LUNGART": "LA-001"}, "US")
    assert quarantine.items(workspace, "PELVIC") == []
    book.judge("LUNGART", subject, book.announced("A1", 1), Judgement.NOT_WANTED)
    assert quarantine.items(workspace, "LUNGART") == []
    assert len(quarantine.items(workspace)) == 1


def test_a_rejected_object_stays_encrypted_and_its_instance_is_rejected(workspace: Workspace):
    token = keep(workspace)
    reject(workspace, token, "a name is burned in", "dr.who")
    assert set(Book(workspace.vault).states().values()) == {InstanceState.REJECTED}
    assert quarantine.items(workspace) == []
    assert [item.state for item in quarantine.items(workspace, decided=True)] == ["rejected"]
    assert (workspace.settings.quarantine / token).exists()


def test_a_decision_is_audited_with_person_and_reason(workspace: Workspace):
    token = keep(workspace)
    reject(workspace, token, "a name is burned in", "dr.who")
    with workspace.vault.session(read_only=True) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "quarantine-reject")).one()
        assert (entry.actor, entry.target, entry.reason) == ("dr.who", token, "a name is burned in")
    assert workspace.vault.audit.verify_chain() == []


def test_a_discarded_object_is_gone_and_is_not_kept_again(workspace: Workspace):
    token = keep(workspace)
    discard(workspace, token, "useless", "dr.who")
    assert not (workspace.settings.quarantine / token).exists()
    assert set(Book(workspace.vault).states().values()) == {InstanceState.REJECTED}
    keep(workspace)
    assert not (workspace.settings.quarantine / token).exists()
    with pytest.raises(PermanentError, match="are gone"):
        quarantine.read(workspace, token, caller="test", purpose="a look")


def test_discarding_a_bad_copy_lets_a_clean_one_through(workspace: Workspace):
    book = Book(workspace.vault)
    token = keep(workspace)
    assert ledger.record_staged(workspace.vault, book.arrival("A1", 1), book.content()).state == "quarantined"
    discard(workspace, token, "a damaged copy", "dr.who")
    assert set(book.states().values()) == {InstanceState.STAGED}


def test_discarding_one_of_two_doubtful_copies_leaves_the_instance_waiting(workspace: Workspace):
    first, _second = keep(workspace), keep(workspace, data=(b"another copy",))
    discard(workspace, first, "a damaged copy", "dr.who")
    assert set(Book(workspace.vault).states().values()) == {InstanceState.QUARANTINED}


@pytest.mark.parametrize(("reason", "actor"), [("", "dr.who"), ("why", " ")])
def test_a_decision_without_reason_or_person_is_refused(workspace: Workspace, reason: str, actor: str):
    with pytest.raises(InputError):
        reject(workspace, keep(workspace), reason, actor)
    assert set(Book(workspace.vault).states().values()) == {InstanceState.QUARANTINED}


def test_nobody_decides_twice_or_on_nothing(workspace: Workspace):
    token = keep(workspace)
    reject(workspace, token, "why", "dr.who")
    with pytest.raises(InputError, match="was rejected before"):
        discard(workspace, token, "why", "dr.who")
    with pytest.raises(InputError, match="no quarantined object 'nothing'"):
        reject(workspace, "nothing", "why", "dr.who")


def test_what_cannot_be_read_is_not_released(workspace: Workspace):
    with pytest.raises(InputError, match="reject or discard"):
        kept = quarantine.keep(workspace, OBJECT, reason="truncated", detail="too short", instance=None)
        release(workspace, kept.token, "why", "dr.who")


def test_a_disk_that_refuses_leaves_nothing_in_the_ledger(workspace: Workspace, tmp_path: Path):
    blocked = tmp_path / "blocked"
    (workspace.settings.quarantine).rename(blocked)
    workspace.settings.quarantine.write_text("in the way")
    with pytest.raises(TransientError):
        keep(workspace)
    assert Book(workspace.vault).states() == {}
    assert quarantine.items(workspace) == []
