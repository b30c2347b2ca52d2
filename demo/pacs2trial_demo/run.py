"""``make demo``: from nothing to delivered packages, through Airflow, in front of the reader's eyes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from pacs2trial.errors import PermanentError
from pacs2trial.settings import Settings
from pacs2trial.staging.ledger import Balance, balance
from pacs2trial.vault.tables import Delivery, PackageRow, PackageState, Subject
from pacs2trial.workspace import Workspace
from pacs2trial_demo.populate import KEY_TABLES, populate, write_key_tables
from pacs2trial_demo.rest import AirflowRest
from pacs2trial_demo.system import PACS_CONNECTION, USER, DemoSystem

TRIALS = tuple(KEY_TABLES)
_START_S = 180.0
_RUN_S = 600.0
_ENDED = {"success", "failed"}


@dataclass(frozen=True)
class TrialRun:
    """A run of one demo trial's DAG."""

    trial: str
    run_id: str

    @property
    def dag_id(self) -> str:
        return f"trial_{self.trial}"


class Demo:
    """The steps of the demo in their order; each is safe to repeat."""

    def __init__(self, settings: Settings, console: Console | None = None) -> None:
        self.settings = settings
        self.system = DemoSystem(settings)
        self.console = console or Console(stderr=True, highlight=False)
        self._begun = time.monotonic()

    def up(self) -> list[TrialRun]:
        """Everything: data, processes, one run of each trial, the report.

        Raises:
            PermanentError: a run did not succeed.
        """
        self.prepare()
        self.start()
        runs = self.run_trials()
        self.report(runs)
        return runs

    def prepare(self) -> None:
        """Demo data in the folder of the demo PACS; vault, secret and key tables as a person would make them."""
        summary = populate(self.system.pacs_folder, downloads=self.system.folder / "downloads")
        self._say(f"demo data: {summary}")
        self.system.command("init")
        write_key_tables(self.settings.keys)
        for trial in TRIALS:
            self.system.command("keys", "import", trial, "--yes")
        self._say("vault, secret and key tables are ready")

    def start(self) -> AirflowRest:
        """The demo PACS, the receiver and Airflow; returns when all of them answer."""
        self.system.start_pacs()
        self.system.start_receiver()
        self.system.start_airflow()
        self._say(f"demo PACS on port {self.system.ports.pacs}, receiver on {self.system.ports.receiver}")
        rest = self.system.rest()
        rest.wait_until_healthy(_START_S)
        rest.log_in()
        rest.put_connection(PACS_CONNECTION, self.system.pacs_connection())
        self.system.connect_commands()
        self._say(f"Airflow at {self.system.airflow_url}")
        return rest

    def run_trials(self, form: Mapping[str, Any] | None = None) -> list[TrialRun]:
        """Trigger each demo trial through Airflow's REST API, with ``form``, and follow its tasks to the end."""
        rest = self.system.rest()
        rest.log_in()
        self._wait_for_dags(rest)
        runs = []
        for trial in TRIALS:
            rest.unpause(f"trial_{trial}")
            runs.append(TrialRun(trial, rest.trigger(f"trial_{trial}", form)))
        self.follow(rest, runs)
        return runs

    def report(self, runs: Iterable[TrialRun]) -> None:
        """What became of every instance, the packages, and where to look."""
        workspace = Workspace.open(self.settings)
        console = Console(highlight=False, width=None if sys.stdout.isatty() else 132)
        for run in runs:
            console.print(_balance_table(run.trial, balance(workspace.vault, run.trial)))
            console.print(_package_table(workspace, run.trial))
        console.print(f"Airflow    {self.system.airflow_url}   user {USER}, password {self.system.password}")
        for run in runs:
            console.print(f"           {self.system.airflow_url}/dags/{run.dag_id}/runs/{run.run_id}", soft_wrap=True)
        for folder in ("packages", "delivered", "staging"):
            console.print(f"{folder:<10} {self.settings.home / folder}", soft_wrap=True)
        console.print(
            f"review     {self.system.airflow_url}/required_actions   (DEMO-REVIEW waits for you)", soft_wrap=True
        )
        console.print("next       .venv/bin/pacs2trial status", soft_wrap=True)
        console.print(
            "           .venv/bin/pacs2trial quarantine DEMO-PLAN   (the ultrasound, encrypted)", soft_wrap=True
        )
        console.print("           make down", soft_wrap=True)

    def _wait_for_dags(self, rest: AirflowRest) -> None:
        try:
            rest.wait_for_dags([f"trial_{trial}" for trial in TRIALS], _START_S)
        except TimeoutError:
            raise PermanentError(f"Airflow did not load the demo trials; see {self.system.processes.logs}") from None

    def follow(self, rest: AirflowRest, runs: list[TrialRun]) -> None:
        """Say what each task came to, until all runs have ended."""
        said: set[tuple[str, str, int, str]] = set()
        deadline = time.monotonic() + _RUN_S
        states: dict[TrialRun, str] = {}
        while any(states.get(run) not in _ENDED for run in runs):
            if time.monotonic() > deadline:
                raise PermanentError(f"the runs did not end within {_RUN_S:.0f} s; see {self.system.airflow_url}")
            time.sleep(0.5)
            for run in runs:
                states[run] = rest.run_state(run.dag_id, run.run_id)
                self._say_tasks(rest, run, said)
        failed = [run.dag_id for run, state in states.items() if state != "success"]
        if failed:
            raise PermanentError(f"failed: {', '.join(failed)}; the task logs at {self.system.airflow_url} say why")

    def _say_tasks(self, rest: AirflowRest, run: TrialRun, said: set[tuple[str, str, int, str]]) -> None:
        for task in rest.task_instances(run.dag_id, run.run_id):
            what = (run.trial, task["task_id"], task["map_index"], str(task["state"]))
            if task["state"] in {"running", "success", "failed", "skipped", "up_for_retry"} and what not in said:
                said.add(what)
                label = task.get("rendered_map_index") or ("" if task["map_index"] < 0 else task["map_index"])
                self._say(f"{run.trial:<10} {task['task_id']:<20} {label!s:<10} {task['state']}")

    def _say(self, text: str) -> None:
        self.console.print(f"{time.monotonic() - self._begun:6.1f} s  {text}", markup=False)


def _balance_table(trial: str, balances: Iterable[Balance]) -> Table:
    table = Table(title=trial, title_justify="left")
    columns = ("expected", "staged", "quarantined", "rejected", "failed", "missing", "not_wanted", "held", "collected")
    table.add_column("subject")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for row in balances:
        table.add_row(row.subject_key, *(str(getattr(row, column)) for column in columns))
    return table


def _package_table(workspace: Workspace, trial: str) -> Table:
    table = Table(title=f"{trial}: packages", title_justify="left")
    for column in ("package", "size", "content digest", "delivered to"):
        table.add_column(column, no_wrap=column == "package", overflow="fold")
    with workspace.vault.session() as session:
        rows = session.execute(
            select(PackageRow, Subject.key)
            .join(Subject, Subject.id == PackageRow.subject_id)
            .where(PackageRow.trial == trial, PackageRow.state != PackageState.SUPERSEDED)
            .order_by(PackageRow.path)
        ).all()
        for package, _key in rows:
            sent = session.scalars(select(Delivery.destination).where(Delivery.package_id == package.id)).all()
            table.add_row(package.path, f"{package.size / 1e6:.1f} MB", package.content_digest[:16], ", ".join(sent))
    return table
