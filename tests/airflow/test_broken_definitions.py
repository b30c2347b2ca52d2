"""A broken definition breaks its own DAG, and Airflow shows why."""

from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.dag import DagModel
from airflow.models.errors import ParseImportError
from airflow.utils.session import create_session
from sqlalchemy import select

from support.airflow_env import ROOT
from support.vaults import write_definition

ReadDags = Callable[[Path], DagBag]
BESIDE = {"incoming", "key_tables", "restore", "cleanup"}
"""DAGs that are not of one trial."""


@pytest.fixture
def trials(tmp_path: Path) -> Path:
    write_definition(tmp_path, "LUNGART", subject_key="LA-[0-9]{3}")
    write_definition(tmp_path, "PELVIC", subject_key="PV-[0-9]{3}")
    return tmp_path


def error_of(bag: DagBag) -> str:
    assert set(bag.import_errors) == {"trial_definitions.py"}
    return bag.import_errors["trial_definitions.py"]


def test_sound_definitions_leave_no_error(read_dags: ReadDags, trials: Path):
    assert not read_dags(trials).import_errors


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"review": "sometimes"}, "review"),
        ({"schedule": "every night"}, "schedule"),
        ({"tags": ["x" * 101]}, "tags"),
        ({"sponser": "misspelt"}, "sponser"),
        ({"subject_key": "PV-[0-9"}, "subject_key"),
    ],
)
def test_a_broken_definition_loses_its_dag_and_no_other(
    changes: dict[str, object], told: str, read_dags: ReadDags, trials: Path
):
    write_definition(trials, "PELVIC", **{"subject_key": "PV-[0-9]{3}", **changes})  # type: ignore[arg-type]
    bag = read_dags(trials)

    assert set(bag.dags) == {"trial_LUNGART", *BESIDE}
    assert told in error_of(bag)
    assert "pelvic" in error_of(bag).lower()


def test_the_error_names_file_line_and_field(read_dags: ReadDags, trials: Path):
    path = write_definition(trials, "PELVIC", subject_key="PV-[0-9]{3}", review="sometimes")
    line = next(n for n, text in enumerate(path.read_text().splitlines(), start=1) if text.startswith("review"))

    assert f"pelvic.yaml line {line}" in error_of(read_dags(trials))


def test_all_broken_definitions_are_told_at_once(read_dags: ReadDags, trials: Path):
    write_definition(trials, "PELVIC", subject_key="PV-[0-9]{3}", review="sometimes")
    (trials / "third.yaml").write_text("trial: [", "utf-8")
    told = error_of(read_dags(trials))

    assert "pelvic.yaml" in told
    assert "third.yaml" in told


def test_airflow_keeps_the_other_trials_in_service_and_shows_the_error(
    airflow_home: Path, read_dags: ReadDags, trials: Path
):
    sync_bag_to_db(read_dags(trials), "dags-folder", None)
    write_definition(trials, "PELVIC", subject_key="PV-[0-9]{3}", review="sometimes")
    sync_bag_to_db(read_dags(trials), "dags-folder", None)

    with create_session() as session:
        lungart = session.get(DagModel, "trial_LUNGART")
        shown = session.scalars(select(ParseImportError)).all()
        assert lungart is not None
        assert not lungart.is_stale
        assert not lungart.has_import_errors
        assert [error.filename for error in shown] == ["trial_definitions.py"]
        assert "pelvic.yaml line" in str(shown[0].stacktrace)


def test_a_missing_folder_of_definitions_is_an_error_of_every_file_that_reads_it(read_dags: ReadDags, tmp_path: Path):
    bag = read_dags(tmp_path / "nowhere")

    assert set(bag.import_errors) == {path.name for path in (ROOT / "dags").glob("*.py")} - {"incoming.py"}
    assert all("PACS2TRIAL_TRIALS" in error for error in bag.import_errors.values())


def test_the_shipped_example_is_not_read_but_would_be_sound(read_dags: ReadDags, tmp_path: Path):
    example = ROOT / "include" / "trials" / "example.yaml.txt"
    (tmp_path / "example.yaml").write_text(example.read_text("utf-8"), "utf-8")

    assert set(read_dags(tmp_path).dags) == {"trial_EXAMPLE", "review_EXAMPLE", *BESIDE}
