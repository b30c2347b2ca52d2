"""What a path names: a scope, and objects in it."""

from __future__ import annotations

from fastapi import Request

from pacs2trial.errors import HeldError, InputError
from pacs2trial.holdings.ledger import Content
from pacs2trial.holdings.search import contents
from pacs2trial.holdings.view import View
from pacs2trial.network.identifier import identifier
from pacs2trial_airflow.site import NotFoundError


class NotAcceptableError(InputError):
    """It is there, and not to be had as the client accepts it: status 406."""


def found(view: View, study: str, series: str = "", instance: str = "") -> list[Content]:
    """The objects that a path names, at least one.

    Raises:
        NotFoundError: there is none.
    """
    keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": instance}
    objects = contents(view, identifier("IMAGE", **{name: uid for name, uid in keys.items() if uid}))
    if not objects:
        raise NotFoundError("nothing is held by these UIDs")
    return objects


def one(view: View, study: str, series: str, instance: str) -> Content:
    """The one object of an instance's path; see :func:`found`."""
    return found(view, study, series, instance)[0]


def shown_now(view: View, objects: list[Content]) -> tuple[list[Content], int]:
    """The objects without those that wait for a person, and how many these are.

    Raises:
        HeldError: all of them wait.
    """
    free = [content for content in objects if not view.is_held(content)]
    if not free:
        raise HeldError(f"{len(objects)} objects wait for a person and cannot be shown")
    return free, len(objects) - len(free)


def base_url(request: Request, scope: str) -> str:
    """The address of a scope, as the client reached it."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}/{scope}"


def address(base: str, study: str, series: str = "", instance: str = "") -> str:
    """The address of a study, a series or an instance."""
    parts = [f"{base}/studies/{study}", series and f"series/{series}", instance and f"instances/{instance}"]
    return "/".join(filter(None, parts))
