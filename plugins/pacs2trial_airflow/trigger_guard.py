"""Refuses a trigger form with something in it that no subject key, date or switch can be, before Airflow sees it.

Airflow checks a form against its schema too, but writes the request into its audit log first, and lets fields pass
that the form does not have. A hospital ID typed in place of a subject key would so be stored although it is refused.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from pacs2trial.errors import InputError, Pacs2TrialError
from pacs2trial_airflow.bodies import refuse, replayed, whole
from pacs2trial_airflow.lazy import Application, Message, Receive, Send

_RUNS = re.compile(r"/api/v2/dags/(?P<dag_id>[^/]+)/dagRuns/?$")
_BACKFILLS = re.compile(r"/api/v2/backfills(/dry_run)?/?$")
_MATERIALIZE = re.compile(r"/api/v2/assets/(?P<asset_id>[0-9]+)/materialize/?$")
_DAG_PREFIX = "trial_"
KEYS = "keys"
KEY_TABLES = "key_tables"
"""Names of :mod:`pacs2trial_airflow.assets` and :mod:`pacs2trial_airflow.key_tables`, which import the SDK of tasks."""
INCOMING = "incoming"
_CUSTODY = ("restore", "cleanup", INCOMING)


class TriggerGuard:
    """ASGI middleware around Airflow's API server; everything but requests that start runs of trials passes unread."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or scope["method"] != "POST" or not _starts_runs(path):
            await self.app(scope, receive, send)
            return
        body = await whole(receive)
        problems = await asyncio.to_thread(objections, path, body)
        if problems:
            await refuse(send, 400, problems)
            return
        await self.app(scope, replayed(body, receive), send)


def objections(path: str, body: bytes) -> tuple[str, ...]:
    """What is wrong with the form in a request, without repeating any of it; empty if it may pass."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return ()  # Airflow refuses it, and logs only what it could read
    if not isinstance(request, dict):
        return ()
    dag_id = _dag(path, request)
    form = request.get("dag_run_conf" if _BACKFILLS.search(path) else "conf")
    if dag_id is None or not form:
        return ()
    if not isinstance(form, dict):
        return ("the form is no JSON object",)
    try:
        _check(dag_id, form)
    except InputError as error:
        return error.problems
    except Pacs2TrialError as error:
        return (str(error),)
    return ()


def _check(dag_id: str, form: dict[str, Any]) -> None:
    if dag_id == KEY_TABLES:
        from pacs2trial_airflow.key_tables import read_key_form

        read_key_form(form)
        return
    if dag_id == INCOMING:
        from pacs2trial_airflow.incoming import read_incoming_form

        read_incoming_form(form)
        return
    from pacs2trial import settings as environment
    from pacs2trial.trials.load import load_trial
    from pacs2trial_airflow import custody_form
    from pacs2trial_airflow.form import read_form

    settings = environment.load()
    if dag_id == custody_form.RESTORE:
        custody_form.read_restore_form(form, settings)
    elif dag_id == custody_form.CLEANUP:
        custody_form.read_cleanup_form(form, settings)
    else:
        read_form(form, load_trial(settings.trials, dag_id.removeprefix(_DAG_PREFIX)))


def _starts_runs(path: str) -> bool:
    return any(pattern.search(path) for pattern in (_RUNS, _BACKFILLS, _MATERIALIZE))


def _dag(path: str, request: dict[str, Any]) -> str | None:
    """Which of our DAGs a request starts; None if it is another one."""
    if found := _MATERIALIZE.search(path):
        return _producer(int(found["asset_id"]))
    found = _RUNS.search(path)
    dag_id = found["dag_id"] if found else str(request.get("dag_id", ""))
    known = dag_id.startswith(_DAG_PREFIX) or dag_id in (KEY_TABLES, *_CUSTODY)
    return dag_id if known else None


def _producer(asset_id: int) -> str | None:
    """Which of our DAGs produces an asset, read from the asset's name."""
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session

    with create_session() as session:
        asset = session.get(AssetModel, asset_id)
        house, _, rest = asset.name.partition("/") if asset else ("", "", "")
    trial, _, what = rest.partition("/")
    if house != "pacs2trial":
        return None
    return KEY_TABLES if what == KEYS else _DAG_PREFIX + trial
