"""The application of the pages: its routers, its headers, and how errors become pages.

A new subject is a module with a ``router`` that stands in :data:`SUBJECTS`. Every route asks for a login here; routes
about a scope (``/trials/{scope}/…``) also for the right to see it.
"""

from __future__ import annotations

import logging
from typing import Final

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from pacs2trial.errors import HeldError, InputError, Pacs2TrialError, TransientError
from pacs2trial.network.quiet import hush
from pacs2trial.preview.rendering import NotAPictureError
from pacs2trial_airflow.access import logged_in
from pacs2trial_airflow.headers import WithHeaders
from pacs2trial_airflow.pages import (
    assets,
    keys,
    objects,
    ohif,
    quarantine,
    reviews,
    runs,
    series,
    studies,
    subjects,
    trials,
    values,
)
from pacs2trial_airflow.pages.origin import of_this_site
from pacs2trial_airflow.pages.page import page
from pacs2trial_airflow.site import NotFoundError

log = logging.getLogger(__name__)

SUBJECTS: Final = (assets, keys, objects, ohif, quarantine, reviews, runs, series, studies, subjects, trials, values)
"""Modules of pages, each with a ``router``."""

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
"""Of every answer: nothing but what is shipped here is ever run or loaded, and only Airflow's own UI may frame it.

Referrers stay within the site, not none at all: without them a browser sends no usable Origin with a form.
"""

STATUS: Final[tuple[tuple[type[Pacs2TrialError], int], ...]] = (
    (NotFoundError, 404),
    (NotAPictureError, 406),
    (InputError, 400),
    (HeldError, 409),
    (TransientError, 503),
)
"""Statuses by error, the first that fits; whatever else is wrong is 500."""

_FAULT: Final = 500


def make_application() -> FastAPI:
    """The application, without pages that describe it: those would be open to anybody."""
    hush()
    made = FastAPI(
        title="pacs2trial",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(logged_in), Depends(of_this_site)],
    )
    for subject in SUBJECTS:
        made.include_router(subject.router)
    made.add_exception_handler(Pacs2TrialError, _told)
    made.add_exception_handler(RequestValidationError, _nowhere)
    made.add_exception_handler(HTTPException, _refused)
    made.add_middleware(WithHeaders, headers=HEADERS)
    return made


def _told(request: Request, error: Exception) -> Response:
    status = next((number for kind, number in STATUS if isinstance(error, kind)), _FAULT)
    if status >= _FAULT:
        log.warning("a page answered %d: %s", status, error)
    problems = error.problems if isinstance(error, InputError) else (str(error),)
    return page(request, "error.html", status=status, problems=problems)


def _nowhere(request: Request, _error: Exception) -> Response:
    """A path or form that no page can have; its text is not repeated."""
    return page(request, "error.html", status=404, problems=("there is no such page",))


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return page(request, "error.html", status=error.status_code, problems=(str(error.detail),))
