"""What waits for a person before it can be packaged: objects in quarantine, and instances that the filter holds."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query, Request, status
from fastapi.responses import HTMLResponse, Response

from pacs2trial.clearance import evidence
from pacs2trial.clearance.decisions import release
from pacs2trial.clearance.held import decide_held, held_series
from pacs2trial.errors import InputError
from pacs2trial.filtering import decisions
from pacs2trial.filtering.waiting import held_instances
from pacs2trial.pixels.areas import Area
from pacs2trial.staging.quarantine import Item, items
from pacs2trial.trials.filter import mask_area
from pacs2trial.trials.reasons import require_explained, told
from pacs2trial_airflow.access import LoggedIn, Reviewer, entitled, is_custodian, reviewing
from pacs2trial_airflow.pages.desk import Comment, ReasonField, Trial, Verb, back_to, chosen, definition_of, desk
from pacs2trial_airflow.site import NotFoundError, site
from pacs2trial_airflow.work import in_thread

router = APIRouter(prefix="/trials/{scope}/quarantine", dependencies=[Depends(entitled)])

SIZE: Final = 50
Token = Annotated[str, Path(pattern=r"^[0-9a-f]{8,64}$")]


@router.get("")
async def waiting(
    request: Request, scope: Trial, user: LoggedIn, offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0
) -> HTMLResponse:
    """The quarantined objects of a trial's subjects, and what the filter holds, by rule."""

    def found() -> HTMLResponse:
        definition = definition_of(scope)
        listed = items(site.ws, scope)
        return desk(
            request,
            "quarantine.html",
            user,
            scope,
            items=listed[offset : offset + SIZE],
            total=len(listed),
            series=held_series(site.ws, definition),
            held=held_instances(site.ws.vault, scope),
            offset=offset,
            size=SIZE,
        )

    return await in_thread(found)


@router.post("")
async def decided_for_trial(
    request: Request,
    scope: Trial,
    user: Reviewer,
    verb: Verb,
    held: Annotated[str, Form(pattern=r"^h[0-9]{1,18}$")],
    reason: ReasonField = "",
    comment: Comment = "",
) -> Response:
    """Answer the rule that holds a series: release it for this trial, or reject it; the next filter goes by it."""

    def done() -> Response:
        definition = definition_of(scope)
        why = told(require_explained(chosen(reason), comment), comment)
        if verb not in ("release", "reject"):
            raise InputError("the form asks for nothing that can be done")
        decide_held(site.ws, definition, held, accept=verb == "release", reason=why, actor=user.get_name())
        return back_to(request, f"/trials/{scope}/quarantine")

    return await in_thread(done)


@router.get("/{token}", dependencies=[Depends(reviewing)])
async def one_object(request: Request, scope: Trial, token: Token, user: LoggedIn) -> HTMLResponse:
    """One object: why it waits, and the form to decide."""
    return await in_thread(lambda: _object(request, scope, token, user))


@router.post("/{token}/look")
async def look(
    request: Request,
    scope: Trial,
    token: Token,
    user: Reviewer,
    frame: Annotated[int, Form(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """The object with its picture and the texts that were found in it, for custodians. Audited."""

    def found() -> HTMLResponse:
        _require_custodian(user)
        _item(scope, token)
        _looks(token, user)
        seen = evidence.evidence(site.ws, token, actor=user.get_name())
        return _object(request, scope, token, user, seen=seen, frame=frame)

    return await in_thread(found)


@router.get("/{token}/picture")
async def picture(
    scope: Trial, token: Token, user: Reviewer, frame: Annotated[int, Query(ge=1, le=100_000)] = 1
) -> Response:
    """A frame of the object as it came: it may show who the patient is, so custodians alone get it. Audited."""

    def found() -> Response:
        _require_custodian(user)
        _item(scope, token)
        _looks(token, user)
        return Response(evidence.picture(site.ws, token, frame, actor=user.get_name()), media_type="image/png")

    return await in_thread(found)


@router.post("/{token}")
async def decided(
    request: Request,
    scope: Trial,
    token: Token,
    user: Reviewer,
    verb: Verb,
    reason: ReasonField = "",
    comment: Comment = "",
    sure: Annotated[str, Form(max_length=3)] = "",
    areas: Annotated[str, Form(max_length=2000)] = "",
    always: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Take a person's decision down; the trial's next run goes on with it."""

    def done() -> Response:
        _item(scope, token)
        why = told(require_explained(chosen(reason), comment), comment)
        match verb:
            case "release":
                release(site.ws, token, why, user.get_name(), areas=_areas(areas), always=always == "yes")
            case "reject":
                decisions.reject(site.ws, token, why, user.get_name())
            case "discard" if sure == "yes":
                decisions.discard(site.ws, token, why, user.get_name())
            case "discard":
                raise InputError("tick that you are sure: what is discarded is deleted")
            case _:
                raise InputError("the form asks for nothing that can be done")
        return back_to(request, f"/trials/{scope}/quarantine")

    return await in_thread(done)


def _object(
    request: Request, scope: str, token: str, user: LoggedIn, *, seen: evidence.Evidence | None = None, frame: int = 1
) -> HTMLResponse:
    item = _item(scope, token)
    key = item.subjects.get(scope, "")
    return desk(request, "quarantined.html", user, scope, item=item, key=key, seen=seen, frame=frame)


def _require_custodian(user: LoggedIn) -> None:
    if not is_custodian(user):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "the picture may show who the patient is: for custodians")


def _looks(token: str, user: LoggedIn) -> None:
    """Write to the audit who is about to see an object as it came."""
    site.ws.vault.audit.record("quarantine look", actor=user.get_name(), target=token)


def _areas(text: str) -> list[Area]:
    """What is to be wiped, ``x,y,width,height`` or ``x,y,width,height:first-last`` each."""
    try:
        asked = [mask_area(one) for one in text.split()]
    except ValueError as error:
        raise InputError(str(error)) from None
    return [Area(one.left, one.top, one.width, one.height, one.first, one.last) for one in asked]


def _item(trial: str, token: str) -> Item:
    """The object, if it is one of this trial's subjects; others answer as if there were none."""
    definition_of(trial)
    found = next((one for one in items(site.ws, trial, decided=True) if one.token == token), None)
    if found is None:
        raise NotFoundError("there is no such object of this trial")
    return found
