"""What came unasked: which trials have work with it, waking them, and what waited in vain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import AssetAlias
from airflow.sdk.exceptions import AirflowSkipException

from pacs2trial.errors import HeldError
from pacs2trial_airflow.assets import INCOMING, asset, digest
from pacs2trial_airflow.custody_form import read_cleanup_form
from pacs2trial_airflow.incoming import read_incoming_form
from pacs2trial_airflow.operators.base import SiteOperator
from pacs2trial_airflow.operators.custody import actor
from pacs2trial_airflow.stale import MOST_NAMED

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pacs2trial.workspace import Workspace

WOKEN = AssetAlias("pacs2trial/incoming", group="pacs2trial")
"""Stands for the assets ``pacs2trial/<trial>/incoming`` of whichever trials are woken."""


class Arrivals(SiteOperator):
    """Look which trials have subjects with something new that is complete, and which studies wait for an enrolment.

    Calls :func:`pacs2trial.incoming.ready` and :func:`pacs2trial.incoming.unmatched`. Returns the trials for
    :class:`Wake` to be mapped over; none for a dry run, skipped when there are none.
    """

    ui_color = "#d8e8f0"

    def work(self, ws: Workspace, context: Context) -> list[str]:
        from pacs2trial.incoming import ready, unmatched
        from pacs2trial.trials.load import load_trials

        dry_run = read_incoming_form(context["params"])
        for study in unmatched(ws):
            self.log.info(
                "Waits for an enrolment: study %s, %d instances of %s from %s since %s UTC, %s.",
                study.study,
                study.instances,
                "/".join(study.modalities),
                ", ".join(study.sources),
                f"{study.since:%Y-%m-%d %H:%M}",
                f"until {study.expires:%Y-%m-%d %H:%M}" if study.expires else "for as long as it takes",
            )
        definitions, _broken = load_trials(ws.settings.trials)
        found = [ready(ws, definition) for _name, definition in sorted(definitions.items())]
        for one in found:
            if one.subject_keys:
                self.log.info("%s: %d instances in %d studies are new.", one.trial, one.instances, one.studies)
        trials = [one.trial for one in found if one.subject_keys]
        if not trials:
            raise AirflowSkipException("nothing new is complete")
        if dry_run:
            self.log.info("Dry run: no trial is woken. It would be: %s", ", ".join(trials))
            return []
        return trials


class Wake(SiteOperator):
    """Tell one trial which of its subjects have something new: the event of its asset starts the trial's DAG for them.

    Calls :func:`pacs2trial.incoming.ready` and :func:`pacs2trial.incoming.hand_over`. Its outlet is :data:`WOKEN`.

    :param trial: trial ID (templated)
    """

    ui_color = "#e9d8c7"
    template_fields: Sequence[str] = ("trial",)

    def __init__(self, *, trial: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trial = trial

    def work(self, ws: Workspace, context: Context) -> None:
        from pacs2trial.incoming import hand_over, ready

        found = ready(ws, ws.definition(self.trial))
        if not found.subject_keys:
            raise AirflowSkipException(f"{self.trial} has been told already")
        self.log.info("%s: %s.", self.trial, ", ".join(found.subject_keys))
        keys = list(found.subject_keys)
        extra: dict[str, Any] = {
            "subjects": keys if len(keys) <= MOST_NAMED else None,
            "studies": found.studies,
            "instances": found.instances,
            "digest": digest(keys),
        }
        context["outlet_events"][WOKEN].add(asset(self.trial, INCOMING), extra=extra)
        hand_over(ws, found)


class Expire(SiteOperator):
    """Remove staged files of studies that nobody was enrolled for, once the site's days are over.

    Calls :func:`pacs2trial.incoming.expire`. Skipped where nothing is to expire, by hand for one trial, and with the
    number of files that stay because no PACS shows them.
    """

    ui_color = "#e3b9a8"

    def work(self, ws: Workspace, context: Context) -> None:
        from pacs2trial.incoming import expire

        form = read_cleanup_form(context["params"], ws.settings)
        if form.trial:
            raise AirflowSkipException(f"only trial {form.trial} was asked for")
        if ws.settings.incoming_expire_days is None:
            raise AirflowSkipException("PACS2TRIAL_INCOMING_EXPIRE_DAYS is not set: nothing expires")
        done = expire(ws, actor=actor(context), dry_run=form.dry_run)
        self.log.info("%d files of %d studies, %d bytes.", done.files, done.studies, done.size)
        if done.stuck:
            raise HeldError(f"{done.stuck} files stay: no PACS of the trials shows what they came from")
