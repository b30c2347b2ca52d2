"""What the operators of a trial have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from pacs2trial.errors import ClosedError
from pacs2trial_airflow.assets import asset, digest
from pacs2trial_airflow.hooks.workspace import open_workspace
from pacs2trial_airflow.outcomes import airflow_outcomes, discreet_libraries, retries
from pacs2trial_airflow.rules import rules

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

    from pacs2trial.workspace import Workspace


class SiteOperator(BaseOperator):
    """One step of a DAG: calls one domain function and turns its outcome into Airflow's.

    Through XCom, rendered fields, labels and asset events go only run keys, subject keys, package ids, counts and
    digests. Domain modules are imported when the step works: a DAG file is read every half minute and in every
    task, and must not pay for pydicom, pandas and SQLAlchemy each time.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("retry_policy", retries())
        super().__init__(**kwargs)

    def execute(self, context: Context) -> Any:
        return self._work_or_wait(context)

    def resume(self, context: Context, event: Any = None) -> Any:
        """Go on when the far end may be used again."""
        return self._work_or_wait(context)

    def _work_or_wait(self, context: Context) -> Any:
        """Work; where the far end may not be used at this hour, wait for it without a worker or a place in a pool."""
        with airflow_outcomes(), discreet_libraries():
            try:
                return self._outcome(open_workspace(), context)
            except ClosedError as closed:
                self.log.info("%s; the task waits until then", closed)
                opens = closed.opens
        return self._wait(opens)

    def _outcome(self, ws: Workspace, context: Context) -> Any:
        """What :meth:`work` returns or raises; a kind of step that has more to do about it says so here."""
        return self.work(ws, context)

    def _wait(self, opens: datetime) -> None:
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger

        self.defer(trigger=DateTimeTrigger(moment=opens), method_name="resume")

    @abstractmethod
    def work(self, ws: Workspace, context: Context) -> Any:
        """Call the domain function; return what the next steps need."""


class TrialOperator(SiteOperator):
    """One step of one trial, with the asset of what it produces.

    :param trial: trial ID; its definition is read from ``PACS2TRIAL_TRIALS``
    """

    produces: ClassVar[str]
    """The asset that the step's events belong to; see :func:`pacs2trial_airflow.assets.asset`."""
    consumes: ClassVar[tuple[str, ...]] = ()
    """The assets of which it is made, for lineage."""
    reported: Mapping[str, Any]

    def __init__(self, *, trial: str, **kwargs: Any) -> None:
        kwargs.setdefault("outlets", [asset(trial, self.produces)])
        super().__init__(**kwargs)
        self.trial = trial
        self.reported = {}
        self._rules: Mapping[str, Any] = {}

    def _outcome(self, ws: Workspace, context: Context) -> Any:
        self._rules = rules(ws, ws.definition(self.trial))
        return super()._outcome(ws, context)

    def report(self, context: Context, *, facts: Any, **counts: Any) -> None:
        """Put counts, the digest of ``facts`` and the versions of the rules into the event of the step's asset."""
        self.reported = {**counts, "digest": digest(facts), "rules": dict(self._rules)}
        events = context["outlet_events"]
        for outlet in self.outlets:
            events[outlet].extra = dict(self.reported)

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> OperatorLineage[Any, Any]:
        """What the OpenLineage provider, where it is installed and has a transport, tells of the step."""
        from pacs2trial_airflow.lineage import lineage

        return lineage(self.trial, self.produces, self.consumes, self.reported)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """The same of a step that failed; it may have nothing to report."""
        return self.get_openlineage_facets_on_complete(task_instance)


def started_by(context: Context) -> str:
    """Who started the run by hand, as Airflow knows him; empty if nobody did."""
    return getattr(context["dag_run"], "triggering_user_name", None) or ""
