"""Who is told how a run ended: by any notifier of Airflow, on the occasions asked for, whatever becomes of it."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.definitions.deadline import DeadlineAlert
from airflow.serialization.serialized_objects import DagSerialization

from pacs2trial.errors import InputError
from pacs2trial.trials.load import load_trial
from pacs2trial.trials.notices import site_notices
from pacs2trial_airflow.notices import tell_end, tell_late
from pacs2trial_airflow.trials import trial_dag
from support.vaults import write_definition

TEXT = "{{ trial }} {{ occasion }}: {{ summary }}"
SUMMARY = "Trial LUNGART\n3 subjects"


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("PACS2TRIAL_TRIALS", str(tmp_path))
    (tmp_path / "notes").touch()
    return tmp_path / "notes"


def asked(folder: Path, *notices: dict[str, Any]) -> None:
    write_definition(folder, "LUNGART", subject_key="LA-[0-9]{3}", notify=list(notices), schedule="0 2 * * *")


def by(name: str, *when: str, text: str = TEXT) -> dict[str, Any]:
    return {"by": f"support.notes.{name}", "arguments": {"text": text}, **({"when": list(when)} if when else {})}


def ended(*, held: bool = False, exception: Exception | None = None) -> Any:
    said = {"summary": SUMMARY, "held": held}
    ti = SimpleNamespace(
        task=SimpleNamespace(trial="LUNGART"), task_id="balance", xcom_pull=lambda task_ids, key: said[key]
    )
    return {"ti": ti, "exception": exception}


def test_each_occasion_reaches_those_who_asked_for_it(notes: Path):
    asked(notes.parent, by("Note", "done", text="A {{ occasion }}"), by("Note", text="B {{ occasion }}"))
    for context in (ended(), ended(held=True), ended(exception=ValueError("LA-001: 1 missing"))):
        tell_end(context)
    assert notes.read_text().split("\n")[:-1] == ["A done", "B held", "B failed"]


def test_texts_may_hold_the_summary_and_a_failure_says_why(notes: Path):
    asked(notes.parent, by("Note"))
    tell_end(ended(exception=ValueError("LA-001: 1 missing")))
    assert notes.read_text() == f"LUNGART failed: {SUMMARY}\nLA-001: 1 missing\n"


def test_a_notifier_that_cannot_be_made_or_fails_hinders_no_other(notes: Path):
    unknown = {"by": "airflow.providers.nowhere.Notifier"}
    no_notifier = {"by": "pathlib.Path"}
    asked(notes.parent, unknown, no_notifier, by("Broken"), by("Note"))
    tell_end(ended(held=True))
    assert notes.read_text() == f"LUNGART held: {SUMMARY}\n"


def test_the_site_s_own_file_holds_for_every_trial(notes: Path, monkeypatch: pytest.MonkeyPatch):
    file = notes.parent / "notices.site"
    monkeypatch.setenv("PACS2TRIAL_NOTIFY", str(file))
    file.write_text("- {by: support.notes.Note, when: [done], arguments: {text: 'site: {{ trial }}'}}\n")
    asked(notes.parent)
    tell_end(ended())
    assert notes.read_text() == "site: LUNGART\n"


@pytest.mark.parametrize("text", ["- {by: 7}", "- {by: a.B, when: [sometimes]}", "by: a.B", "- {", "- {by: noclass}"])
def test_a_file_of_notices_with_faults_is_refused_and_named(text: str, tmp_path: Path):
    (tmp_path / "notices.yaml").write_text(text)
    with pytest.raises(InputError, match=r"notices\.yaml"):
        site_notices(tmp_path / "notices.yaml")


@pytest.mark.parametrize("notifier", ["Note", "AsyncNote"])
def test_a_scheduled_run_that_is_late_is_told_of_and_no_other(notifier: str, notes: Path):
    asked(notes.parent, by(notifier, "late"), by("Broken", "late"))
    due = {"deadline": {"deadline_time": "2026-03-31 08:00"}}
    for run_type in ("manual", "backfill", "asset_triggered"):
        assert asyncio.run(tell_late("LUNGART", {"dag_run": {"run_type": run_type}, **due})) == 0
    assert asyncio.run(tell_late("LUNGART", {"dag_run": {"run_type": "scheduled"}, **due})) == 1
    told = "LUNGART late: Trial LUNGART: the scheduled run has not ended by 2026-03-31 08:00.\n"
    assert notes.read_text() == told


def test_a_scheduled_trial_has_a_deadline_that_airflow_stores(notes: Path):
    asked(notes.parent)
    dag = trial_dag(load_trial(notes.parent, "LUNGART").model_copy(update={"late_after": 90}))
    [alert] = dag.deadline if isinstance(dag.deadline, list) else [dag.deadline]
    assert isinstance(alert, DeadlineAlert)
    assert alert.interval.total_seconds() == 90 * 60
    assert alert.callback.path == "pacs2trial_airflow.notices.tell_late"
    assert DagSerialization.to_dict(dag)["dag"]["deadline"]
