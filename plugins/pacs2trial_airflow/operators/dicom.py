"""From a PACS to the staging store: find, move, stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from threading import Event
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk.exceptions import AirflowSkipException

from pacs2trial.errors import BalanceError, TransientError
from pacs2trial_airflow.assets import INCOMING, KEYS
from pacs2trial_airflow.form import Remake, read_form
from pacs2trial_airflow.operators.base import TrialOperator
from pacs2trial_airflow.origin import tell_origin
from pacs2trial_airflow.stale import stale_subjects
from pacs2trial_airflow.table import log_balances, struck, totals
from pacs2trial_airflow.window import covered
from pacs2trial_airflow.withdrawn import still_enrolled

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pacs2trial.retrieve.plan import SubjectPlan
    from pacs2trial.trials.definition import TrialDefinition
    from pacs2trial.workspace import Workspace


class DicomFind(TrialOperator):
    """Plan a run: C-FIND what the PACS holds of each subject and write it down as expected.

    Calls :func:`pacs2trial.retrieve.plan.plan_run` and :func:`pacs2trial.passes.due`. Returns batches of the subject
    keys (lists of lists) with something to fetch or to make, for :class:`DicomMove` to be mapped over. Pushes the run's
    key as XCom ``run_key`` and the keys of all subjects that were looked at as ``subjects``. A dry run returns no batch
    and pushes nothing, so that nothing else runs. A run that an imported key table or arriving data woke covers the
    subjects concerned, and goes on for each of them.

    :param trial: trial ID
    """

    produces = "planned"
    consumes = (KEYS, INCOMING)
    ui_color = "#d8e8f0"

    def work(self, ws: Workspace, context: Context) -> list[list[str]]:
        from pacs2trial.retrieve.plan import plan_run

        definition = ws.definition(self.trial)
        form = read_form(context["params"], definition)
        tell_origin(self.log, ws, definition, context)
        window = covered(
            context["dag_run"].run_type,
            (context.get("data_interval_start"), context.get("data_interval_end")),
            ZoneInfo(ws.settings.time_zone),
            date_from=form.date_from,
            date_to=form.date_to,
        )
        woken = () if form.subjects else self._corrected(ws, context)
        subjects = form.subjects or woken
        self.log.info("Covers %s; %s.", window, f"{len(subjects)} named subjects" if subjects else "all subjects")
        if window.empty:
            raise AirflowSkipException("no study date falls into this interval")
        plan = plan_run(
            ws,
            self.trial,
            subjects=subjects or None,
            date_from=window.date_from,
            date_to=window.date_to,
            dry_run=form.dry_run,
        )
        planned = [subject for subject in plan.subjects if subject.studies or window.whole]
        keys = self._going_on(ws, definition, planned, everything=bool(woken) or form.remake is Remake.EVERYTHING)
        self.report(
            context,
            subjects=len(plan.subjects),
            studies=sum(subject.studies for subject in plan.subjects),
            expected=sum(subject.expected for subject in plan.subjects),
            missing=sum(subject.missing for subject in plan.subjects),
            held=sum(len(subject.held) for subject in plan.subjects),
            going_on=len(keys),
            dry_run=plan.dry_run,
            facts=[asdict(subject) for subject in plan.subjects],
        )
        self.log.info(
            "%d subjects, %d of them with studies; something is to be fetched or made for %d.",
            len(plan.subjects),
            sum(bool(subject.studies) for subject in plan.subjects),
            len(keys),
        )
        if plan.dry_run:
            self.log.info("Dry run: nothing is fetched, made or sent. It would be for: %s", ", ".join(keys) or "nobody")
            return []
        context["ti"].xcom_push(key="run_key", value=plan.run_key)
        context["ti"].xcom_push(key="subjects", value=[subject.subject_key for subject in planned])
        size = ws.settings.batch_subjects
        return [keys[start : start + size] for start in range(0, len(keys), size)]

    def _going_on(
        self, ws: Workspace, definition: TrialDefinition, planned: Sequence[SubjectPlan], *, everything: bool
    ) -> list[str]:
        """The subjects with something to fetch, or of whom anything was changed since their last pass."""
        from pacs2trial.passes import due

        keys = [subject.subject_key for subject in planned]
        if everything:
            return keys
        changed = due(ws, definition, keys)
        return [subject.subject_key for subject in planned if subject.missing or subject.subject_key in changed]

    def _corrected(self, ws: Workspace, context: Context) -> Sequence[str]:
        """The subjects for which key table or arriving data woke this run; empty for all."""
        from pacs2trial.keytable import enrolled_keys

        named = stale_subjects(context.get("triggering_asset_events"))
        if named is None:
            return ()
        current = enrolled_keys(ws.vault, self.trial)
        corrected = [key for key in named if key in current]
        if not corrected:
            raise AirflowSkipException("its subjects are enrolled no longer: there is nothing to make anew")
        return corrected


class DicomMove(TrialOperator):
    """Fetch what a batch of subjects still lacks, by C-MOVE to the receiver, C-GET or DICOMweb, as the definition says.

    Calls :func:`pacs2trial.retrieve.fetch.fetch`. Ending the task cancels the transfer at the
    PACS. Outside the hours of the PACS the task is deferred.

    :param trial: trial ID
    :param run_key: the run that :class:`DicomFind` planned (templated)
    :param subject_keys: the batch (templated)
    """

    produces = "retrieved"
    consumes = ("planned",)
    ui_color = "#c3dbe8"
    template_fields: Sequence[str] = ("run_key", "subject_keys")

    def __init__(self, *, run_key: str, subject_keys: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_key = run_key
        self.subject_keys = subject_keys
        self._cancelled = Event()

    @property
    def batch(self) -> str:
        """Label of the batch: its first and last subject key."""
        keys = self.subject_keys
        return keys[0] if len(keys) == 1 else f"{keys[0]} to {keys[-1]} ({len(keys)})"

    def work(self, ws: Workspace, context: Context) -> None:
        from pacs2trial.retrieve.fetch import fetch

        report = fetch(ws, self.run_key, self.subject_keys, cancelled=self._cancelled.is_set)
        self.log.info("%d of %d outstanding instances came.", report.arrived, report.asked)
        if report.cancelled:
            raise TransientError("the task was ended; what has come is kept, the rest is asked for again by a retry")
        self.report(context, asked=report.asked, arrived=report.arrived, facts=[report.asked, report.arrived])

    def on_kill(self) -> None:
        self._cancelled.set()


class Stage(TrialOperator):
    """Wait until everything expected has arrived in the staging store, and strike the balance of each subject.

    Calls :func:`pacs2trial.staging.settle`. Succeeds although instances are missing, so that one subject's loss stops
    no other subject: the task ``collect`` of that subject fails, and so does the balance of the run.
    Writes down with :func:`pacs2trial.passes.begin` what the pass of each subject is made from. Returns the subject
    keys, for the steps per subject to be mapped over.

    :param trial: trial ID
    :param run_key: the run that :class:`DicomFind` planned (templated)
    :param batches: the batches of subject keys that it returned (templated)
    :param timeout: seconds without any arrival until what has not come counts as missing; the ``settle_timeout`` of
        the PACS connection when absent
    """

    produces = "staged"
    consumes = ("retrieved",)
    ui_color = "#b5d3b8"
    template_fields: Sequence[str] = ("run_key", "batches")

    def __init__(
        self, *, run_key: str, batches: Sequence[Sequence[str]], timeout: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.run_key = run_key
        self.batches = batches
        self.timeout = timeout

    def work(self, ws: Workspace, context: Context) -> list[str]:
        from pacs2trial.passes import begin
        from pacs2trial.retrieve.settle import settle

        keys = still_enrolled(ws, self.trial, [key for batch in self.batches for key in batch], self.log)
        if not keys:
            raise AirflowSkipException("its subjects are enrolled no longer")
        try:
            balances = settle(ws, self.run_key, keys, timeout=self.timeout)
        except BalanceError as error:
            self.log.error("%s", error)  # noqa: TRY400 - the message says it all, and the step goes on
            balances = struck(ws, self.trial, keys)
        log_balances(self.log, balances)
        begin(ws, ws.definition(self.trial), keys, run_key=self.run_key)
        self.report(context, **totals(balances), facts=[asdict(line) for line in balances])
        return keys
