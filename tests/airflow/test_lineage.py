"""OpenLineage events of the steps, as Airflow's provider takes them and its client writes them to a file."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.providers.openlineage.extractors.manager import ExtractorManager
from airflow.sdk import TaskInstanceState
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.transport.file import FileConfig, FileTransport

from pacs2trial_airflow.operators.balance import Balance
from pacs2trial_airflow.operators.base import TrialOperator
from pacs2trial_airflow.operators.dicom import DicomFind, DicomMove, Stage
from pacs2trial_airflow.operators.keys import ImportKeyTable
from pacs2trial_airflow.operators.subject import Collect, Deliver, Filter, Verify

OF = {"trial": "LUNGART"}
SUBJECT = {**OF, "subject_key": "LA-001", "run_key": "a run"}
STEPS: list[TrialOperator] = [
    ImportKeyTable(task_id="import", **OF),
    DicomFind(task_id="plan", **OF),
    DicomMove(task_id="retrieve", run_key="a run", subject_keys=["LA-001"], **OF),
    Stage(task_id="stage", run_key="a run", batches=[], **OF),
    Filter(task_id="filter", **SUBJECT),
    Collect(task_id="collect", **SUBJECT),
    Verify(task_id="verify", package_ids=[1], **SUBJECT),
    Deliver(task_id="deliver", **SUBJECT),
    Balance(task_id="balance", planned_by="plan", **OF),
]
RULES = {"definition": "d" * 64, "key_version": 3, "release": "1"}


def written(step: TrialOperator, folder: Path) -> dict[str, Any]:
    """The event of a step that has ended, as a file of the file transport holds it."""
    dag_run: Any = SimpleNamespace(run_id="a run")
    instance: Any = SimpleNamespace(map_index=-1, try_number=1)
    found = ExtractorManager().extract_metadata(dag_run, step, TaskInstanceState.SUCCESS, instance)
    client = OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(folder / "events.json"))))
    run = Run("01941f29-7c00-7087-8906-40e512c257bd", found.run_facets)
    client.emit(
        RunEvent(
            eventTime="2026-03-31T02:00:00Z",
            eventType=RunState.COMPLETE,
            run=run,
            job=Job("pacs2trial", step.task_id),
            inputs=found.inputs,
            outputs=found.outputs,
            producer="https://example.test",
        )
    )
    (file,) = folder.glob("events.json*")
    event: dict[str, Any] = json.loads(file.read_text())
    file.unlink()
    return event


def test_every_step_tells_what_it_made_of_what_with_counts_digest_and_rules(tmp_path: Path):
    made = set()
    for step in STEPS:
        step.reported = {"subjects": 2, "digest": "c" * 64, "rules": RULES}
        event = written(step, tmp_path)
        [output] = event["outputs"]
        assert (output["namespace"], output["name"]) == ("pacs2trial", f"pacs2trial/LUNGART/{step.produces}")
        facet = event["run"]["facets"]["pacs2trial_step"]
        assert (facet["trial"], facet["counts"], facet["digest"]) == ("LUNGART", {"subjects": 2}, "c" * 64)
        assert facet["rules"] == RULES
        inputs = {one["name"].rpartition("/")[2] for one in event["inputs"]}
        assert inputs <= made | {"incoming"}, "what it consumes, a step before it produces"
        made.add(step.produces)


def test_a_step_that_did_not_come_to_an_end_says_that_it_made_nothing(tmp_path: Path):
    step = Filter(task_id="filter", **SUBJECT)
    event = written(step, tmp_path)
    assert event["outputs"] == []
    assert "pacs2trial_step" not in event["run"]["facets"]
