"""The application: its routes, who may use them, and how errors of the library become statuses (PS3.18 8.5)."""

from __future__ import annotations

import logging
from typing import Final

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from pacs2trial.errors import HeldError, InputError, Pacs2TrialError, TransientError
from pacs2trial.network.quiet import hush
from pacs2trial.preview.rendering import NotAPictureError
from pacs2trial_airflow.access import entitled
from pacs2trial_airflow.dicomweb import bulk_routes, rendered_routes, retrieve_routes, search_routes
from pacs2trial_airflow.dicomweb.resources import NotAcceptableError
from pacs2trial_airflow.headers import WithHeaders
from pacs2trial_airflow.site import NotFoundError

log = logging.getLogger(__name__)

STATUS: Final[tuple[tuple[type[Pacs2TrialError], int], ...]] = (
    (NotFoundError, 404),
    (NotAcceptableError, 406),
    (NotAPictureError, 406),
    (InputError, 400),
    (HeldError, 409),
    (TransientError, 503),
)
"""Statuses by error, the first that fits; whatever else is wrong is 500."""

HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}
"""Of every answer: images of patients stay in no cache, and nothing of an answer is ever run."""

_FAULT: Final = 500


def make_application() -> FastAPI:
    """The application, without pages that describe it: those would be open to anybody."""
    hush()
    made = FastAPI(title="pacs2trial DICOMweb", openapi_url=None, docs_url=None, redoc_url=None)
    for routes in (search_routes, retrieve_routes, bulk_routes, rendered_routes):
        made.include_router(routes.router, prefix="/{scope}", dependencies=[Depends(entitled)])
    made.add_exception_handler(Pacs2TrialError, _told)
    made.add_exception_handler(RequestValidationError, _nowhere)
    made.add_middleware(WithHeaders, headers=HEADERS)
    return made


def _told(_request: Request, error: Exception) -> Response:
    status = next((number for kind, number in STATUS if isinstance(error, kind)), _FAULT)
    if status >= _FAULT:
        log.warning("DICOMweb answered %d: %s", status, error)
    return JSONResponse({"detail": str(error)}, status_code=status)


def _nowhere(_request: Request, _error: Exception) -> Response:
    """A path that no resource can have; its text is not repeated."""
    return JSONResponse({"detail": "there is no such resource"}, status_code=404)
