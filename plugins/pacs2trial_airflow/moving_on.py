"""After decisions on the pages: Airflow's prompt that asked for them is answered, or the DAG that goes on is woken.

What this module takes from Airflow is not of its public interface and stands here alone.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow._shared.timezones import timezone
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
from airflow.assets.manager import asset_manager
from airflow.models.asset import AssetModel
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from fastapi import HTTPException
from sqlalchemy import select

from pacs2trial.review import ReviewState, ready_subjects, reviews
from pacs2trial.workspace import Workspace
from pacs2trial_airflow.assets import QUESTIONS, asset
from pacs2trial_airflow.review_names import ASKING_TASK, Option, dag_id

log = logging.getLogger(__name__)


def move_on(ws: Workspace, trial: str, user: BaseUser, *, at_once: bool = False) -> bool:
    """Let Airflow do what was decided.

    A prompt is answered in the user's name when nothing that it asked about is open any more, or ``at_once``; what
    is open then is asked about by another one. Decisions that no prompt waits for wake the trial's DAG of reviews.

    Returns:
        Whether Airflow goes to work; otherwise a prompt still waits for other answers.
    """
    open_prompts = {one.prompt for one in reviews(ws, trial) if one.state is ReviewState.OPEN}
    waiting = _waiting(trial)
    over = [prompt for prompt in waiting if at_once or prompt not in open_prompts]
    answered = [prompt for prompt in over if _answered(trial, prompt, user)]
    if answered:
        return True
    return not waiting and bool(ready_subjects(ws, trial)) and tell(trial, QUESTIONS)


def tell(trial: str, what: str, **facts: Any) -> bool:
    """Put an event into one of a trial's assets, which wakes the DAGs that wait for it.

    Returns:
        Whether Airflow knows the asset; it does not before it has read the trial's DAG.
    """
    with create_session() as session:
        model = session.scalar(select(AssetModel).where(AssetModel.name == asset(trial, what).name))
        if model is None:
            return False
        asset_manager.register_asset_change(
            asset=model, timestamp=timezone.utcnow(), extra={"from": "pages", **facts}, session=session
        )
    return True


def _waiting(trial: str) -> list[str]:
    """Runs whose prompt waits for an answer."""
    with create_session() as session:
        query = select(TaskInstance.run_id).where(
            TaskInstance.dag_id == dag_id(trial),
            TaskInstance.task_id == ASKING_TASK,
            TaskInstance.state == TaskInstanceState.AWAITING_INPUT,
        )
        return list(session.scalars(query))


def _answered(trial: str, prompt: str, user: BaseUser) -> bool:
    """Whether a prompt still waited and was answered."""
    with create_session() as session:
        try:
            update_hitl_detail(
                dag_id=dag_id(trial),
                dag_run_id=prompt,
                task_id=ASKING_TASK,
                update_hitl_detail_payload=UpdateHITLDetailPayload(
                    chosen_options=[Option.DECIDED.value], params_input={}
                ),
                user=user,
                session=session,
                map_index=-1,
            )
        except HTTPException as error:
            log.info("the prompt of %s was not answered from the pages: %s", dag_id(trial), error.status_code)
            session.rollback()
            return False
    return True
