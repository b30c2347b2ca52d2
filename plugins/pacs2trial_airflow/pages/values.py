"""Texts that leave in the packages of a trial: unique values with counts, and rules to add for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse

from pacs2trial.collect.texts import Text, mark_texts, texts_of
from pacs2trial.errors import InputError
from pacs2trial.review import Wish, as_yaml, proposed
from pacs2trial_airflow.access import LoggedIn, Reviewer, entitled
from pacs2trial_airflow.pages.desk import Trial, Verb, definition_of, desk
from pacs2trial_airflow.site import site
from pacs2trial_airflow.work import in_thread

router = APIRouter(prefix="/trials/{scope}/values", dependencies=[Depends(entitled)])

SIZE: Final = 100
SEEN: Final = "seen"


@router.get("")
async def values(
    request: Request,
    scope: Trial,
    user: LoggedIn,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    only_new: bool = False,  # noqa: FBT001, FBT002 - a field of the query
) -> HTMLResponse:
    """The texts, those first that nobody has seen yet."""
    return await in_thread(lambda: _shown(request, scope, user, offset, only_new=only_new))


@router.post("")
async def wished(
    request: Request,
    scope: Trial,
    user: Reviewer,
    verb: Verb,
    text: Annotated[list[str] | None, Form()] = None,
) -> HTMLResponse:
    """Propose rules for the ticked texts, or note that they were seen. What is to be kept was seen as well."""

    def done() -> HTMLResponse:
        definition_of(scope)
        ticked = [_text(one) for one in text or []]
        if not ticked:
            raise InputError("tick the texts that you mean")
        rules = "" if verb == SEEN else as_yaml(proposed(ticked, _wish(verb)))
        if verb in (SEEN, Wish.KEEP):
            _mark(scope, ticked, user.get_name())
        return _shown(request, scope, user, 0, only_new=False, rules=rules)

    return await in_thread(done)


def _shown(
    request: Request, scope: str, user: LoggedIn, offset: int, *, only_new: bool, rules: str = ""
) -> HTMLResponse:
    definition_of(scope)
    found = sorted(texts_of(site.ws, scope, only_new=only_new), key=lambda one: not one.new)
    return desk(
        request,
        "values.html",
        user,
        scope,
        texts=[(one, json.dumps([one.attribute, one.value])) for one in found[offset : offset + SIZE]],
        total=len(found),
        new=sum(one.new for one in found),
        offset=offset,
        size=SIZE,
        only_new=only_new,
        rules=rules,
    )


def _mark(trial: str, texts: Sequence[Text], actor: str) -> None:
    ws = site.ws
    with ws.vault.session() as session:
        number = mark_texts(session, ws.vault, trial, texts, actor)
        ws.vault.audit.append(session, "texts reviewed", actor=actor, trial=trial, target=trial, texts=number)


def _wish(verb: str) -> Wish:
    try:
        return Wish(verb)
    except ValueError:
        raise InputError("the form asks for nothing that can be done") from None


def _text(field: str) -> Text:
    try:
        attribute, value = json.loads(field)
    except ValueError:
        raise InputError("the form names a text that is none") from None
    if not (isinstance(attribute, str) and isinstance(value, str)):
        raise InputError("the form names a text that is none")
    return attribute, value
