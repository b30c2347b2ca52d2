"""Bringing back what was lost, removing what is not needed: subject by subject, of the trial that the form names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from pacs2trial.errors import HeldError, TransientError
from pacs2trial_airflow.custody_form import EXPIRED, read_cleanup_form, read_restore_form
from pacs2trial_airflow.operators.base import SiteOperator, started_by

if TYPE_CHECKING:
    from threading import Event

    from airflow.sdk import Context

    from pacs2trial.cleanup.subject import File
    from pacs2trial.workspace import Workspace


class RestorePlan(SiteOperator):
    """The subjects that the form asks for.

    Calls :func:`pacs2trial.restore.restorable_subjects`. Returns trial and subject key of each, for :class:`Restore`
    to be mapped over. A dry run tells with :func:`pacs2trial.restore.losses` what is lost, and returns nobody.
    """

    ui_color = "#d8e8f0"

    def work(self, ws: Workspace, context: Context) -> list[dict[str, str]]:
        from pacs2trial.restore import losses, restorable_subjects

        form = read_restore_form(context["params"], ws.settings)
        keys = restorable_subjects(ws, form.trial, form.subjects or None)
        self.log.info("Trial %s: %d subjects.", form.trial, len(keys))
        if form.dry_run:
            for key in keys:
                gone = losses(ws, form.trial, key)
                self.log.info(
                    "%s: %d of %d staged files and %d of %d packages are not there",
                    *(key, gone.contents_lost, gone.contents, gone.packages_lost, gone.packages),
                )
            self.log.info("Dry run: nothing is brought back.")
            return []
        return [{"trial": form.trial, "subject_key": key} for key in keys]


class SubjectOfTrial(SiteOperator):
    """One step for one subject of a trial that is known only when the DAG runs.

    :param trial: trial ID (templated)
    :param subject_key: the trial's name for the patient (templated)
    """

    template_fields: Sequence[str] = ("trial", "subject_key")

    def __init__(self, *, trial: str, subject_key: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trial = trial
        self.subject_key = subject_key


class Restore(SubjectOfTrial):
    """Bring back a subject's staged data from the PACS, and make its packages again with the digests they had.

    Calls :func:`pacs2trial.restore.restore_subject`. Skipped, with the list in its log, when something is not in the
    PACS any more or differs there; repeated when the PACS shows what it did not send.
    """

    ui_color = "#b5d3b8"
    _cancelled: Event

    def __init__(self, **kwargs: Any) -> None:
        from threading import Event

        super().__init__(**kwargs)
        self._cancelled = Event()

    def work(self, ws: Workspace, context: Context) -> None:
        from pacs2trial.restore import restore_subject

        done = restore_subject(ws, self.trial, self.subject_key, actor=actor(context), cancelled=self._cancelled.is_set)
        self.log.info("%d staged contents were there, %d came back.", done.intact, done.restored)
        for package in done.packages:
            self.log.info("%s: %s, content digest %s", package.path, package.outcome, package.content_digest)
        if done.unfinished:
            raise TransientError("\n".join(done.problems()))
        if not done.complete:
            raise HeldError("\n".join(done.problems()))

    def on_kill(self) -> None:
        self._cancelled.set()


class CleanupPlan(SiteOperator):
    """The subjects of the trial that the form names; of all trials with a retention when it names none.

    Calls :func:`pacs2trial.cleanup.cleanable_subjects`. Returns trial and subject key of each, for :class:`Cleanup` to
    be mapped over.
    """

    ui_color = "#d8e8f0"

    def work(self, ws: Workspace, context: Context) -> list[dict[str, str]]:
        from pacs2trial.cleanup import cleanable_subjects, expiry_of
        from pacs2trial.trials.load import load_trials

        form = read_cleanup_form(context["params"], ws.settings)
        if form.trial:
            trials = [form.trial]
        else:
            definitions, _broken = load_trials(ws.settings.trials)
            trials = [name for name, definition in sorted(definitions.items()) if expiry_of(definition)]
        self.log.info("%s of %s.", form.what.capitalize(), ", ".join(trials) or "no trial: none has a retention")
        return [{"trial": trial, "subject_key": key} for trial in trials for key in cleanable_subjects(ws, trial)]


class Cleanup(SubjectOfTrial):
    """Remove a subject's staged data and packages, never what another trial needs or what the PACS does not show.

    Calls :func:`pacs2trial.cleanup.clean_subject`.
    """

    ui_color = "#e3b9a8"

    def work(self, ws: Workspace, context: Context) -> None:
        from pacs2trial.cleanup import Expiry, clean_subject, expiry_of

        form = read_cleanup_form(context["params"], ws.settings)
        definition = ws.definition(self.trial)
        expiry = expiry_of(definition) if form.what == EXPIRED else Expiry()
        if expiry is None:
            raise AirflowSkipException(f"trial {self.trial} has no retention in its definition")
        done = clean_subject(
            ws, definition, self.subject_key, actor=actor(context), expiry=expiry, dry_run=form.dry_run
        )
        said = "would remove" if form.dry_run else "removed"
        for series, sizes in sorted(_by_series(done.staged).items()):
            self.log.info("%s %d files of %s, %d bytes", said, len(sizes), series, sum(sizes))
        for package in done.packages:
            self.log.info("%s %s, %d bytes", said, package.path, package.size)
        self.log.info(
            "%d bytes; %d files needed elsewhere, %d too young.", done.size, done.kept_for_others, done.kept_younger
        )
        if done.stuck:
            raise HeldError(
                f"{self.trial}/{self.subject_key}: {len(done.stuck)} files stay, the PACS does not show all that "
                f"they came from; pacs2trial cleanup {self.trial} --unrestorable --reason TEXT removes them"
            )


def _by_series(files: Iterable[File]) -> dict[str, list[int]]:
    """The sizes of staged files by the folder of their series."""
    found: dict[str, list[int]] = {}
    for one in files:
        found.setdefault(one.path.rpartition("/")[0], []).append(one.size)
    return found


def actor(context: Context) -> str:
    """Who started the run, as Airflow knows it."""
    return started_by(context) or "airflow"
