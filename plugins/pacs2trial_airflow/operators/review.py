"""Asking people whether contents may leave."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException

from pacs2trial import settings as environment
from pacs2trial.trials.reasons import COMMENT_WARNING, WORDS
from pacs2trial_airflow.hooks.workspace import open_workspace
from pacs2trial_airflow.lazy import PAGES
from pacs2trial_airflow.outcomes import airflow_outcomes, discreet_libraries
from pacs2trial_airflow.review_names import Option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from pacs2trial.review import ReviewItem
    from pacs2trial.workspace import Workspace

_NAMED = 20
"""Contents that a prompt lists; it counts the others."""


class Review(HITLOperator):
    """Ask people about everything that waits, in one prompt, and wait for an answer without a worker.

    Calls :func:`pacs2trial.review.take_questions`. The answer itself is written into the vault where it is given (by
    :class:`pacs2trial_airflow.review_guard.ReviewGuard` or on the pages), by whom and for which digests; this task
    decides nothing. It returns the subject keys for whom there is work now, whatever the answer was. Unanswered in
    time, the contents are held. The text names subject keys and digests only.

    :param trial: trial ID
    """

    ui_color = "#f2d7a0"

    def __init__(self, *, trial: str, **kwargs: Any) -> None:
        super().__init__(
            subject=f"Review for {trial}",
            options=list(Option),
            params=_form(),
            response_timeout=timedelta(days=environment.load().review_days),
            **kwargs,
        )
        self.trial = trial

    def execute(self, context: Context) -> Any:
        with airflow_outcomes(), discreet_libraries():
            from pacs2trial.review import take_questions

            ws = open_workspace()
            waiting = take_questions(ws, self.trial, context["ti"].run_id)
            if not waiting:
                return self._ready(ws)
            what = "1 package waits" if len(waiting) == 1 else f"{len(waiting)} packages wait"
            self.subject = f"{self.trial}: {what} for your review"
            self.body = question(self.trial, waiting)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        with airflow_outcomes(), discreet_libraries():
            from pacs2trial.review import give_back, run_out

            ws, prompt = open_workspace(), context["ti"].run_id
            if event.get("error_type") == "timeout":
                held = run_out(ws, self.trial, prompt, actor="airflow")
                self.log.warning("Nobody answered in time; held: %s", ", ".join(held) or "nothing")
            elif "error" in event:
                self.process_trigger_event_error(event)
            else:
                self.log.info("Answered: %s", ", ".join(event["chosen_options"]))
                give_back(ws, self.trial, prompt)
            return self._ready(ws)

    def _ready(self, ws: Workspace) -> list[str]:
        from pacs2trial.review import ready_subjects

        found = ready_subjects(ws, self.trial)
        if not found:
            raise AirflowSkipException(f"nothing of {self.trial} was approved that has not left yet")
        self.log.info("To be made or sent: %s", ", ".join(found))
        return found


def question(trial: str, waiting: Sequence[ReviewItem]) -> str:
    """The prompt's text, Markdown: what waits, where to look at it, what an answer does."""
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    page = f"{base}{PAGES}/trials/{trial}/reviews"
    lines = [
        f"**[Look at the images and decide here]({page})**, also about single studies and series.",
        "Or answer for all of them at once with a button below.",
        "",
        "| Subject | Content | New texts |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| [{one.subject_key}]({page}/{one.subject_key}) | `{one.content_digest[:12]}` | {one.new_texts or '-'} |"
        for one in waiting[:_NAMED]
    ]
    if len(waiting) > _NAMED:
        lines.append(f"| {len(waiting) - _NAMED} more | | |")
    return "\n".join(lines)


def _form() -> dict[str, Any]:
    return {
        "reason": Param(
            None,
            type=["null", "string"],
            enum=[None, *[reason.value for reason in WORDS]],
            values_display={"null": "none: to approve", **{reason.value: words for reason, words in WORDS.items()}},
            title="Reason",
            description_md="Needed to reject or to hold.",
        ),
        "comment": Param(
            None, type=["null", "string"], format="multiline", title="Comment", description_md=COMMENT_WARNING
        ),
    }
