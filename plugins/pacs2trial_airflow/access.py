"""Who may see what in the pages and services of the plugin: Airflow's login, then the roles of ``PACS2TRIAL_ROLES``.

What this module takes from Airflow is not of its public interface and stands here alone.
"""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException, Request, status

from pacs2trial import settings as environment
from pacs2trial.settings import Role
from pacs2trial.trials.definition import STAGING

DAG_PREFIX = "trial_"

LoggedIn = Annotated[BaseUser, Depends(get_user)]
"""The logged-in user; a request without a login ends with 401."""


async def logged_in(_user: LoggedIn) -> None:
    """Return if somebody is logged in."""


def roles_of(user: BaseUser) -> frozenset[Role]:
    """The roles that the settings give a user, and those that a FAB user has by the same names."""
    given = set(environment.load().roles_of(user.get_name()))
    named = {str(getattr(role, "name", "")).lower() for role in getattr(user, "roles", None) or ()}
    return frozenset(given | {role for role in Role if role.value in named})


def may_see(user: BaseUser, scope: str) -> bool:
    """Whether a user may look at images and headers of STAGING or of a trial.

    Reviewers and custodians may see both. What a trial would get may also be seen by whoever may start that trial's
    runs, and so have it packaged.
    """
    if roles_of(user):
        return True
    if scope == STAGING:
        return False
    dag_id = DAG_PREFIX + scope
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user
    )


async def user_of(request: Request) -> BaseUser:
    """The logged-in user of a request outside FastAPI's routes.

    Raises:
        HTTPException: 401 or 403.
    """
    return await get_user(request, bearer_credentials=await bearer_scheme(request))


def is_reviewer(user: BaseUser) -> bool:
    """Whether a user may decide what leaves."""
    return Role.REVIEWER in roles_of(user)


def is_custodian(user: BaseUser) -> bool:
    """Whether a user may see and change identities."""
    return Role.CUSTODIAN in roles_of(user)


def reviewing(user: LoggedIn) -> BaseUser:
    """The user of a request that decides what leaves.

    Raises:
        HTTPException: 403 without the role.
    """
    if not is_reviewer(user):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "this is for reviewers: PACS2TRIAL_ROLES says who is one")
    return user


def in_custody(user: LoggedIn) -> BaseUser:
    """The user of a request about identities.

    Raises:
        HTTPException: 403 without the role.
    """
    if not is_custodian(user):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "this is for custodians: PACS2TRIAL_ROLES says who is one")
    return user


def entitled(scope: str, user: LoggedIn) -> BaseUser:
    """The user of a request about a scope.

    Raises:
        HTTPException: 403 without the right, for scopes that exist and those that do not alike.
    """
    if not may_see(user, scope):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "you may not see what is held here")
    return user


Reviewer = Annotated[BaseUser, Depends(reviewing)]
Custodian = Annotated[BaseUser, Depends(in_custody)]
