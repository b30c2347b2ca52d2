"""Reviews: what waits for a person, one subject's packages with their series, and the person's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from pacs2trial.errors import InputError
from pacs2trial.holdings.packages import Package, packages, packages_of
from pacs2trial.review import (
    ReviewItem,
    ReviewState,
    SeriesItem,
    Word,
    approve,
    approve_without,
    history,
    hold,
    hold_series,
    open_subjects,
    ready_subjects,
    reject,
    reject_series,
    reviews,
    series_of,
    take_back,
)
from pacs2trial_airflow.access import LoggedIn, Reviewer, entitled
from pacs2trial_airflow.moving_on import move_on
from pacs2trial_airflow.pages.desk import (
    Comment,
    ReasonField,
    SubjectKey,
    Trial,
    Verb,
    back_to,
    chosen,
    definition_of,
    desk,
)
from pacs2trial_airflow.pages.made.held import WITHOUT_IMAGE
from pacs2trial_airflow.site import site
from pacs2trial_airflow.work import in_thread

router = APIRouter(prefix="/trials/{scope}/reviews", dependencies=[Depends(entitled)])

SIZE: Final = 50
_WAITING: Final = (ReviewState.OPEN, ReviewState.HELD)


@dataclass(frozen=True)
class Question:
    """One package up for review with the series that stand in it.

    ``beside`` are the subjects whose packages the same prompt of Airflow still waits for; ``package`` says where this
    one went.
    """

    item: ReviewItem
    series: Sequence[SeriesItem]
    four_eyes: bool
    beside: Sequence[str]
    package: Package

    @property
    def moves(self) -> bool:
        """Whether Airflow is at work on it, or soon will be."""
        decided = self.item.state in (ReviewState.APPROVED, ReviewState.PARTLY_APPROVED)
        return decided and not self.beside and not self.package.deliveries


@router.get("")
async def waiting(
    request: Request,
    scope: Trial,
    user: LoggedIn,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    everything: bool = False,  # noqa: FBT001, FBT002 - a field of the query
    sent: bool = False,  # noqa: FBT001, FBT002
    prompt: Annotated[str | None, Query(max_length=250)] = None,
) -> HTMLResponse:
    """The packages of a trial that wait for a person, or all of them."""

    def found() -> HTMLResponse:
        definition = definition_of(scope)
        items = reviews(site.ws, scope, prompt=prompt)
        shown = [one for one in items if everything or prompt or one.state in _WAITING]
        listed = shown[offset : offset + SIZE]
        made = packages_of(site.ws.vault, scope, [one.subject_key for one in listed])
        return desk(
            request,
            "reviews.html",
            user,
            scope,
            definition=definition,
            items=listed,
            went={one.package_id: one.deliveries for one in made},
            total=len(shown),
            open_now=sum(one.state is ReviewState.OPEN for one in items),
            ready=ready_subjects(site.ws, scope),
            offset=offset,
            size=SIZE,
            everything=everything,
            sent=sent,
            prompt=prompt or "",
        )

    return await in_thread(found)


@router.post("")
async def send_now(request: Request, scope: Trial, user: Reviewer) -> Response:
    """Let Airflow do what was decided so far, and ask about the rest in another prompt."""

    def done() -> Response:
        definition_of(scope)
        move_on(site.ws, scope, user, at_once=True)
        return back_to(request, f"/trials/{scope}/reviews?sent=1")

    return await in_thread(done)


@router.get("/{key}")
async def one_subject(request: Request, scope: Trial, key: SubjectKey, user: LoggedIn) -> HTMLResponse:
    """The packages of a subject: what stands in them, what was said of them, and the form for one's own word."""

    def found() -> HTMLResponse:
        definition = definition_of(scope)
        items, series = reviews(site.ws, scope, key), series_of(site.ws, scope, key)
        made = {one.package_id: one for one in packages(site.ws.vault, scope, key)}
        open_now = open_subjects(site.ws, scope)
        questions = [
            Question(
                item,
                [one for one in series if one.in_force and item.study in ("", one.study)],
                four_eyes=definition.four_eyes and item.requested_by == user.get_name(),
                beside=[whose for whose, prompt in open_now if prompt and prompt == item.prompt],
                package=made[item.package_id],
            )
            for item in items
        ]
        return desk(
            request,
            "review.html",
            user,
            scope,
            key=key,
            definition=definition,
            questions=questions,
            left_out=[one for one in series if one.answer and not one.in_force],
            history=history(site.ws, scope, key),
            without_image=WITHOUT_IMAGE,
            following=_following([whose for whose, _prompt in open_now], key),
        )

    return await in_thread(found)


@router.post("/{key}")
async def answered(
    request: Request,
    scope: Trial,
    key: SubjectKey,
    user: Reviewer,
    verb: Verb,
    content: Annotated[str, Form(pattern=r"^[0-9a-f]{64}$|^$")] = "",
    series: Annotated[list[str] | None, Form()] = None,
    reason: ReasonField = "",
    comment: Comment = "",
) -> Response:
    """Take a person's word down, then let Airflow go on where nothing else is open."""

    def done() -> Response:
        definition_of(scope)
        word = Word(user.get_name(), chosen(reason), comment)
        _take_down((scope, key), verb, content, series or [], word)
        move_on(site.ws, scope, user)
        return back_to(request, f"/trials/{scope}/reviews/{quote(key, safe='')}")

    return await in_thread(done)


def _following(waiting: Sequence[str], key: str) -> str:
    """The subject to look at next: the one behind ``key``, else the first; empty where no other waits."""
    others = [one for one in waiting if one != key]
    return next((one for one in others if one > key), others[0] if others else "")


def _take_down(whose: tuple[str, str], verb: str, content: str, series: Sequence[str], word: Word) -> None:
    if not content and verb in ("approve", "approve-rest", "hold", "reject"):
        raise InputError("the form names no content; load the page again")
    match verb:
        case "approve":
            approve(site.ws, *whose, word, content_digest=content)
        case "approve-rest":
            approve_without(site.ws, *whose, series, word, content_digest=content)
        case "hold":
            hold(site.ws, *whose, word, content_digest=content)
        case "reject":
            reject(site.ws, *whose, word, content_digest=content)
        case "hold-series":
            hold_series(site.ws, *whose, series, word)
        case "reject-series":
            reject_series(site.ws, *whose, series, word)
        case "take-back":
            take_back(site.ws, *whose, series, word)
        case _:
            raise InputError("the form asks for nothing that can be done")
