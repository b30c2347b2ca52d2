"""The key table of a trial, for custodians alone: upload, problems by row, difference, import, patient IDs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from pacs2trial import custody
from pacs2trial.corrections import Preview, preview, take_key_table, whole_key_table
from pacs2trial.errors import InputError
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial_airflow.access import Custodian, LoggedIn
from pacs2trial_airflow.assets import KEYS
from pacs2trial_airflow.moving_on import tell
from pacs2trial_airflow.pages.desk import Trial, back_to, definition_of, desk
from pacs2trial_airflow.pages.uploads import keep, pending, uploaded
from pacs2trial_airflow.site import site
from pacs2trial_airflow.stale import MOST_NAMED
from pacs2trial_airflow.work import in_thread

router = APIRouter(prefix="/trials/{scope}/keys")


@dataclass(frozen=True)
class Upload:
    """What an uploaded table would do, or why it cannot be taken. ``digest`` says which file was looked at."""

    digest: str
    rows: int
    problems: tuple[str, ...]
    found: Preview | None


@router.get("")
async def key_table(request: Request, scope: Trial, user: Custodian) -> HTMLResponse:
    """The imports of the trial's key table, and what an upload that waits would change."""

    def found() -> HTMLResponse:
        definition = definition_of(scope)
        return _page(request, user, definition, upload=_looked_at(definition), shown=None)

    return await in_thread(found)


@router.post("/upload")
async def upload(request: Request, scope: Trial, _user: Custodian) -> Response:
    """Keep a table until somebody says whether it is imported; nothing changes yet."""
    content = await uploaded(request, "table")

    def done() -> Response:
        definition_of(scope)
        keep(site.ws.settings, scope, content)
        return back_to(request, f"/trials/{scope}/keys")

    return await in_thread(done)


@router.post("/import")
async def take(
    request: Request, scope: Trial, user: Custodian, digest: Annotated[str, Form(pattern=r"^[0-9a-f]{64}$")]
) -> Response:
    """Import exactly the table whose difference was shown; it becomes the trial's key table and wakes the trial."""

    def done() -> Response:
        definition, ws = definition_of(scope), site.ws
        path = pending(ws.settings, scope)
        if not path.is_file() or _digest(path) != digest:
            raise InputError("this is not the table that was shown: load the page again and look at the difference")
        taken = take_key_table(ws, definition, whole_key_table(ws, definition, path), actor=user.get_name())
        if definition.keys.file is not None:
            path.replace(ws.settings.keys / definition.keys.file)
        else:
            path.unlink()
        anew = taken.rerun.subjects
        tell(scope, KEYS, subjects=list(anew) if len(anew) <= MOST_NAMED else None)
        return back_to(request, f"/trials/{scope}/keys")

    return await in_thread(done)


@router.post("/cancel")
async def cancel(request: Request, scope: Trial, _user: Custodian) -> Response:
    """Throw an upload away."""

    def done() -> Response:
        definition_of(scope)
        pending(site.ws.settings, scope).unlink(missing_ok=True)
        return back_to(request, f"/trials/{scope}/keys")

    return await in_thread(done)


@router.post("/identities")
async def identities(request: Request, scope: Trial, user: Custodian) -> HTMLResponse:
    """The key table in force with patient IDs. Written to the audit before anything is decrypted."""

    def found() -> HTMLResponse:
        definition = definition_of(scope)
        shown = custody.show_keys(site.ws.vault, scope, actor=user.get_name())
        return _page(request, user, definition, upload=None, shown=shown)

    return await in_thread(found)


def _page(request: Request, user: LoggedIn, definition: TrialDefinition, **values: object) -> HTMLResponse:
    scope = definition.trial
    imports = custody.imports(site.ws.vault, scope)[::-1]
    return desk(request, "keys.html", user, scope, definition=definition, imports=imports, **values)


def _looked_at(definition: TrialDefinition) -> Upload | None:
    path = pending(site.ws.settings, definition.trial)
    if not path.is_file():
        return None
    digest = _digest(path)
    try:
        rows = whole_key_table(site.ws, definition, path)
        return Upload(digest, len(rows), (), preview(site.ws, definition, rows))
    except InputError as error:
        place = str(path)
        return Upload(digest, 0, tuple(line.replace(place, "the uploaded table") for line in error.problems), None)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
