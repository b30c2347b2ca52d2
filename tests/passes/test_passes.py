"""Who has anything to do: nobody after a pass that ended, and again whoever something is new or decided about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from pacs2trial.delivery import deliver_subject
from pacs2trial.keytable.studies import Answer
from pacs2trial.passes import begin, due, end
from pacs2trial.passes.inputs import READ
from pacs2trial.review import Word, approve
from pacs2trial.settings import Settings
from pacs2trial.vault.tables import Base, HeldStudy, Instance, InstanceState, StudyDecision, TrialInstance
from pacs2trial_demo.identities import OXENBARGER
from support.hospital import LUNG, PELVIS, SECOND_DAY, Hospital, copied, small_study

KEY = "LA-001"
WRITTEN_BY_A_PASS = {
    *("package", "package_member", "package_texts", "delivery", "staged_version", "lookup_answer", "held_names"),
    *("subject_pass", "collected_subject", "subject_gap", "face_removal", "face_mask"),
}
OF_NO_CONCERN = {
    *("pin", "run", "run_study", "handed_over", "key_version", "key_row", "outdated_delivery", "reviewed_text"),
    *("scope", "person", "pseudonym", "date_shift", "lock", "arriving", "disclosure", "audit"),
}


def whoever(hospital: Hospital, trial: str = LUNG, *keys: str) -> set[str]:
    return due(hospital.ws, hospital.ws.definition(trial), keys or (KEY,))


def go(hospital: Hospital, run_key: str = "a run") -> None:
    """A whole pass of the one subject, from filter to delivery."""
    definition = hospital.ws.definition(LUNG)
    begin(hospital.ws, definition, [KEY], run_key=run_key)
    hospital.verify(hospital.package(LUNG, KEY))
    if definition.review == "never":
        deliver_subject(hospital.ws, definition, KEY)
    end(hospital.ws, LUNG, KEY, run_key=run_key)


@pytest.fixture(scope="module")
def passed_home(tmp_path_factory: pytest.TempPathFactory, furnished_home: Path) -> Path:
    folder = tmp_path_factory.mktemp("passed")
    settings = Settings(home=folder / "home", trials=folder / "trials", receiver_port=0)
    for hospital in copied(settings, furnished_home):
        hospital.define(LUNG, review="never", deliver=[{"to": "folder", "path": "lung"}])
        go(hospital)
    return folder


@pytest.fixture
def passed(settings: Settings, passed_home: Path) -> Iterator[Hospital]:
    """The one subject of LUNGART has been delivered."""
    yield from copied(settings, passed_home)


def test_a_pass_that_ended_leaves_nothing_to_do_and_another_trial_alone(passed: Hospital):
    assert whoever(passed) == set()
    assert whoever(passed, PELVIS, "PV-007") == {"PV-007"}


def test_a_pass_that_began_and_never_ended_is_due(hospital: Hospital):
    begin(hospital.ws, hospital.ws.definition(LUNG), [KEY], run_key="a run")
    assert whoever(hospital) == {KEY}


def test_what_comes_between_begin_and_end_is_not_taken_for_done(hospital: Hospital):
    begin(hospital.ws, hospital.ws.definition(LUNG), [KEY], run_key="a run")
    hospital.stage(small_study(when=SECOND_DAY))
    end(hospital.ws, LUNG, KEY, run_key="a run")
    assert whoever(hospital) == {KEY}


def test_only_the_run_that_began_last_can_end_a_pass(hospital: Hospital):
    for run_key in ("first", "second"):
        begin(hospital.ws, hospital.ws.definition(LUNG), [KEY], run_key=run_key)
    assert not end(hospital.ws, LUNG, KEY, run_key="first")
    assert whoever(hospital) == {KEY}
    assert end(hospital.ws, LUNG, KEY, run_key="second")
    assert whoever(hospital) == set()


def expect_another(hospital: Hospital, **filed: int) -> None:
    with hospital.ws.vault.session() as session:
        known = session.query(Instance).first()
        assert known is not None
        session.add(
            Instance(
                **{name: getattr(known, name) for name in ("identifier_id", "study", "series", "sop_class", "source")}
                | filed,
                sop_instance="2.25.77",
                modality="CT",
                state=InstanceState.EXPECTED,
            )
        )


def decide(hospital: Hospital, table: type[StudyDecision | HeldStudy], **values: str) -> None:
    subject = hospital.subject(LUNG, KEY)
    if table is StudyDecision:
        values |= {"answer": Answer.BELONGS, "decided_by": "a person", "reason": "seen", "person_id": subject.person_id}
    else:
        values |= {"reason": "in doubt"}
    with hospital.ws.vault.session() as session:
        session.add(table(trial=LUNG, subject_id=subject.subject_id, study="2.25.1", **values))


def void_a_judgement(hospital: Hospital) -> None:
    with hospital.ws.vault.session() as session:
        first = session.query(TrialInstance).filter_by(trial=LUNG).first()
        session.execute(update(TrialInstance).where(TrialInstance.id == first.id).values(contents=0))


def lose_the_package(hospital: Hospital) -> None:
    for path in hospital.ws.settings.packages.rglob("*.zip"):
        path.unlink()


CHANGES: dict[str, Callable[[Hospital], None]] = {
    "a late study": lambda hospital: hospital.stage(small_study(when=SECOND_DAY)),
    "an announced instance": expect_another,
    "a corrected key row": lambda hospital: hospital.enrol(LUNG, {KEY: OXENBARGER}),
    "other rules": lambda hospital: hospital.define(LUNG, review="never", profile={"options": []}),
    "another destination": lambda hospital: hospital.define(
        LUNG, review="never", deliver=[{"to": "folder", "path": "elsewhere"}]
    ),
    "a study in doubt": lambda hospital: decide(hospital, HeldStudy),
    "a decision about a study": lambda hospital: decide(hospital, StudyDecision),
    "a judgement made void": void_a_judgement,
    "a lost package": lose_the_package,
    "the same study under another patient": lambda hospital: expect_another(
        hospital, identifier_id=hospital.ws.vault.identities.patient("", OXENBARGER.patient_id).identifier_id
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_decides_the_outcome_makes_the_subject_due(what: str, passed: Hospital):
    CHANGES[what](passed)
    assert whoever(passed) == {KEY}


def test_an_answer_to_a_review_makes_due_and_the_question_does_not(hospital: Hospital):
    hospital.define(LUNG, review="always")
    go(hospital)
    assert whoever(hospital) == set()
    approve(hospital.ws, LUNG, KEY, Word("a reviewer"))
    assert whoever(hospital) == {KEY}


@pytest.mark.parametrize("change", [{"schedule": "0 3 * * *"}, {"owner": "somebody"}, {"tags": ["lung"]}])
def test_when_it_runs_and_for_whom_makes_nobody_due(change: dict[str, object], passed: Hospital):
    passed.define(LUNG, review="never", deliver=[{"to": "folder", "path": "lung"}], **change)
    assert whoever(passed) == set()


def test_with_look_ups_everybody_is_due(passed: Hospital):
    definition = passed.ws.definition(LUNG).model_copy(update={"lookups": {"arm": object()}})
    assert due(passed.ws, definition, [KEY]) == {KEY}


def test_every_table_of_the_vault_is_known_to_decide_a_pass_or_not_to():
    """A table that somebody adds belongs in one of the three: what a person decides in it must make subjects due."""
    assert set(Base.metadata.tables) == READ | WRITTEN_BY_A_PASS | OF_NO_CONCERN
