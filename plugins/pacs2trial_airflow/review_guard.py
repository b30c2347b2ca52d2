"""Writes the answer to a review's prompt into the vault, before Airflow takes it.

Airflow lets everybody answer who may change the DAG. Here only reviewers answer, exactly the contents that were asked
about are answered, and what Airflow would refuse to do (four eyes) is refused before it has kept anything. The comment
goes into the vault's audit and is taken out of what Airflow keeps and shows to every viewer.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pacs2trial.errors import InputError, Pacs2TrialError
from pacs2trial.trials.reasons import reason_of
from pacs2trial_airflow.bodies import refuse, replayed, whole
from pacs2trial_airflow.lazy import Application, Message, Receive, Send
from pacs2trial_airflow.review_names import ASKING_TASK, REVIEW_PREFIX, Option

if TYPE_CHECKING:
    from pacs2trial.review import ReviewItem

_ANSWER = re.compile(
    rf"/api/v2/dags/{REVIEW_PREFIX}(?P<trial>[^/]+)/dagRuns/(?P<run>[^/]+)/taskInstances/{ASKING_TASK}/[^/]+/hitlDetails/?$"
)
_FORBIDDEN, _WRONG, _CONFLICT = 403, 400, 409


class ReviewGuard:
    """ASGI middleware around Airflow's API server; everything but answers to a review's prompt passes unread."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        found = _ANSWER.search(str(scope.get("path", ""))) if scope["type"] == "http" else None
        if found is None or scope["method"] != "PATCH":
            await self.app(scope, receive, send)
            return
        from fastapi import HTTPException, Request

        from pacs2trial_airflow.access import is_reviewer, user_of

        body = await whole(receive)
        try:
            user = await user_of(Request(scope))
        except HTTPException as error:
            await refuse(send, error.status_code, [str(error.detail)])
            return
        if not await asyncio.to_thread(is_reviewer, user):
            await refuse(send, _FORBIDDEN, ["only reviewers answer this: PACS2TRIAL_ROLES says who is one"])
            return
        try:
            answer = json.loads(body)
            form = {**(answer.get("params_input") or {})}
            (chosen,) = answer["chosen_options"]
        except (ValueError, TypeError, KeyError, AttributeError):
            await refuse(send, _WRONG, ["choose one of the options"])
            return
        problems = await asyncio.to_thread(record, found["trial"], unquote(found["run"]), chosen, form, user.get_name())
        if problems:
            await refuse(send, _CONFLICT, problems)
            return
        kept = json.dumps(answer | {"params_input": form | {"comment": None} if form else form}).encode()
        await self.app(_with_length(scope, len(kept)), replayed(kept, receive), send)


def record(trial: str, prompt: str, option: str, form: Mapping[str, Any], actor: str) -> list[str]:
    """Write an answer for every open question of a prompt into the vault.

    Returns:
        What was refused, one line each; what is listed stays open, the rest is answered.
    """
    from pacs2trial.review import ReviewState, reviews
    from pacs2trial_airflow.site import site

    problems: list[str] = []
    try:
        waiting = [one for one in reviews(site.ws, trial, prompt=prompt) if one.state is ReviewState.OPEN]
        for one in waiting:
            try:
                _answer(one, option, form, actor)
            except Pacs2TrialError as error:
                problems += error.problems if isinstance(error, InputError) else [str(error)]
    except Pacs2TrialError as error:
        problems.append(str(error))
    return list(dict.fromkeys(problems))


def _answer(item: ReviewItem, option: str, form: Mapping[str, Any], actor: str) -> None:
    from pacs2trial.review import Word, approve, hold, reject
    from pacs2trial_airflow.site import site

    reason = form.get("reason")
    word = Word(actor, reason_of(str(reason)) if reason else None, str(form.get("comment") or ""))
    whose = (site.ws, item.trial, item.subject_key)
    match option:
        case Option.APPROVE:
            approve(*whose, word, content_digest=item.content_digest)
        case Option.HOLD:
            hold(*whose, word, content_digest=item.content_digest)
        case Option.REJECT:
            reject(*whose, word, content_digest=item.content_digest)
        case Option.DECIDED:
            return
        case _:
            raise InputError("choose one of the options")


def _with_length(scope: Message, length: int) -> Message:
    headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}
