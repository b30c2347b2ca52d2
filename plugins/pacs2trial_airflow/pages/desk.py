"""What the pages for decisions share: the trial that a path names, reasons to choose from, and where Airflow stands."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Form, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from pacs2trial.errors import InputError
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.reasons import COMMENT_WARNING, LONGEST_COMMENT, WORDS, Reason, reason_of
from pacs2trial_airflow.access import LoggedIn, is_custodian, is_reviewer
from pacs2trial_airflow.pages.page import base_of, page
from pacs2trial_airflow.site import NotFoundError, site

Trial = Annotated[str, Path(pattern=r"^[A-Z0-9_-]{1,32}$")]
SubjectKey = Annotated[str, Path(min_length=1, max_length=64)]
Verb = Annotated[str, Form(max_length=32)]
ReasonField = Annotated[str, Form(max_length=32)]
Comment = Annotated[str, Form(max_length=LONGEST_COMMENT)]

SEE_OTHER: Final = 303


def definition_of(trial: str) -> TrialDefinition:
    """The definition of a trial.

    Raises:
        NotFoundError: there is no such trial, or its definition is wrong.
    """
    try:
        return site.ws.definition(trial)
    except InputError:
        raise NotFoundError("there is no such trial") from None


def chosen(reason: str) -> Reason | None:
    """The reason that was chosen in a form, if one was."""
    return reason_of(reason) if reason else None


def desk(request: Request, template: str, user: LoggedIn, scope: str, **values: Any) -> HTMLResponse:
    """A page of one trial on which something can be decided.

    The template may also name the roles ``reviewer`` and ``custodian`` of the user, ``reasons`` and ``warning``.
    """
    return page(
        request,
        template,
        scope=scope,
        reviewer=is_reviewer(user),
        custodian=is_custodian(user),
        reasons=[(reason.value, words) for reason, words in WORDS.items()],
        warning=COMMENT_WARNING,
        longest=LONGEST_COMMENT,
        **values,
    )


def back_to(request: Request, path: str) -> RedirectResponse:
    """To another page; after a form to the one that shows what it did, so that reloading does nothing again."""
    return RedirectResponse(base_of(request) + path, SEE_OTHER)
