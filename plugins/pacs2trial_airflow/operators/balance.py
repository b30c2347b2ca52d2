"""The last step of a run: every expected instance in exactly one place, or the run has failed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from pacs2trial.errors import BalanceError
from pacs2trial.trials.notices import Occasion
from pacs2trial_airflow.notices import SUMMARY, tell_end
from pacs2trial_airflow.operators.base import TrialOperator
from pacs2trial_airflow.table import log_balances, struck, totals
from pacs2trial_airflow.withdrawn import still_enrolled

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pacs2trial.staging.balance import Balance as SubjectBalance
    from pacs2trial.workspace import Workspace

_UNACCOUNTED = ("failed", "missing", "waiting", "undecided")
_MAP_INDEX = re.compile(r"_\d+$")
"""Airflow names the state of a mapped step ``collect_0``, ``collect_1``; no step of ours ends in a number."""


class Balance(TrialOperator):
    """Strike the balance of the run, when all other steps are done, however they ended.

    Calls :func:`pacs2trial.staging.balance.balance`. What is held for a person is told and does no harm; a run with
    a failed step, or with instances failed, missing, still expected or not judged, fails. Who was withdrawn while it
    went on is told and left out. The summary of
    :func:`pacs2trial.passes.summary` is logged, and sent by :func:`pacs2trial_airflow.notices.tell_end` to those who
    are to be told.

    :param trial: trial ID
    :param planned_by: task id of the :class:`DicomFind` that says which subjects the run looked at; if it failed or was
        a dry run, there is none to account for
    """

    produces = "balance"
    consumes = ("staged", "packages", "deliveries")
    ui_color = "#e8dfc3"

    def __init__(self, *, planned_by: str, **kwargs: Any) -> None:
        for occasion in ("on_success_callback", "on_failure_callback"):
            kwargs.setdefault(occasion, tell_end)
        super().__init__(**kwargs)
        self.planned_by = planned_by

    def work(self, ws: Workspace, context: Context) -> None:
        problems = self._failed_steps(context)
        planned = context["ti"].xcom_pull(task_ids=self.planned_by, key="subjects") or []
        keys = still_enrolled(ws, self.trial, planned, self.log)
        if keys:
            lines = struck(ws, self.trial, keys)
            log_balances(self.log, lines)
            self.report(context, **totals(lines), facts=[asdict(line) for line in lines])
            problems += self._open_accounts(lines)
            self._summarise(ws, context, lines)
        if problems:
            raise BalanceError("\n".join(problems))
        if not keys:
            raise AirflowSkipException("this run planned nothing, so there is nothing to account for")

    def _summarise(self, ws: Workspace, context: Context, lines: Sequence[SubjectBalance]) -> None:
        """Log what the run came to, and leave it for those who are told."""
        from pacs2trial.passes import summary

        ti = context["ti"]
        found = summary(ws, self.trial, ti.xcom_pull(task_ids=self.planned_by, key="run_key"), lines)
        for line in found.lines():
            self.log.info("%s", line)
        ti.xcom_push(key=SUMMARY, value="\n".join([f"Trial {self.trial}", *found.lines()]))
        ti.xcom_push(key=Occasion.HELD.value, value=found.waits)

    def _open_accounts(self, lines: Sequence[SubjectBalance]) -> list[str]:
        """The subjects with instances that nobody can account for; those with held ones are told in the log."""
        problems = []
        for line in lines:
            if line.held:
                self.log.warning(
                    "%s: %d held for a person; see pacs2trial quarantine %s", line.subject_key, line.held, self.trial
                )
            lost = [f"{getattr(line, name)} {name}" for name in _UNACCOUNTED if getattr(line, name)]
            if lost:
                problems.append(f"{line.subject_key}: {', '.join(lost)}")
        return problems

    def _failed_steps(self, context: Context) -> list[str]:
        """The steps of this run that failed, with how often, else those that failed with them; the log tells all."""
        ti = context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
        steps: dict[str, Counter[str]] = {}
        for name, state in states.items():
            steps.setdefault(_MAP_INDEX.sub("", name), Counter())[str(state)] += 1
        steps.pop(ti.task_id, None)
        for step, ends in steps.items():
            self.log.info("%s: %s", step, ", ".join(f"{number} {end}" for end, number in sorted(ends.items())))
        failed, upstream = (
            [f"{step}: {ends[state]} {state}" for step, ends in steps.items() if ends[state]]
            for state in ("failed", "upstream_failed")
        )
        return failed or upstream
