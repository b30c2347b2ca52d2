"""One series: its images in a viewer, or its objects in a list; frames, thumbnails and drawings for it."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, status
from fastapi.responses import RedirectResponse, Response

from pacs2trial.holdings.ledger import Content
from pacs2trial_airflow.access import entitled
from pacs2trial_airflow.headers import AS_IT_LEFT
from pacs2trial_airflow.pages.made import drawings, held, images
from pacs2trial_airflow.pages.page import base_of, page
from pacs2trial_airflow.pages.pool import pool
from pacs2trial_airflow.scopes import Instance, ScopeName, Series, Study
from pacs2trial_airflow.site import site
from pacs2trial_airflow.work import in_thread

router = APIRouter(prefix="/trials/{scope}/studies/{study}/series/{series}", dependencies=[Depends(entitled)])

JSON = "application/json"
OCTETS = "application/octet-stream"
FOR_THIS_LOOK = {"Cache-Control": "private, max-age=300"}
"""A thumbnail stays with the browser while somebody goes to and fro; it shows what they may see."""
MOST_OBJECTS = 500


@router.get("")
async def one_series(request: Request, scope: ScopeName, study: Study, series: Series) -> Response:
    """The viewer, or the list of what has no image; a single object without an image is shown at once."""
    pool.warm(scope)

    def found() -> Response:
        objects = held.found(scope, study, series)
        shown = site.view(scope).shown([content.chosen.sop_instance for content in objects[:MOST_OBJECTS]])
        listed = [(shown[content.chosen.sop_instance], content) for content in objects[:MOST_OBJECTS]]
        with_images = [content for content in objects if content.modality not in held.WITHOUT_IMAGE]
        if len(listed) == 1 and not with_images:
            at = f"{base_of(request)}/trials/{scope}/studies/{study}/series/{series}/instances/{listed[0][0]}"
            return RedirectResponse(at, status.HTTP_303_SEE_OTHER)
        return page(
            request,
            "viewer.html" if with_images else "objects.html",
            scope=scope,
            study=study,
            series=series,
            owner=objects[0].owner,
            modality=_modality(objects),
            number=len(objects),
            first=_first(listed),
            objects=listed,
        )

    return await in_thread(found)


@router.get("/thumbnail")
async def thumbnail(scope: ScopeName, study: Study, series: Series) -> Response:
    """The middle image, small."""
    content = await pool.run(images.thumbnail, scope, study, series)
    return Response(content, media_type="image/jpeg", headers=FOR_THIS_LOOK)


@router.get("/stack")
async def stack(scope: ScopeName, study: Study, series: Series) -> Response:
    """The images in their order."""
    return Response(await pool.run(images.series_of, scope, study, series), media_type=JSON)


@router.get("/drawings")
async def drawn(scope: ScopeName, study: Study, series: Series) -> Response:
    """Structures and isodose lines that lie on the images."""
    return Response(await pool.run(drawings.drawings_of, scope, study, series), media_type=JSON)


@router.get("/instances/{instance}/frames/{number}")
async def frame(
    scope: ScopeName, study: Study, series: Series, instance: Instance, number: Annotated[int, Path(ge=1, le=1 << 20)]
) -> Response:
    """One frame as numbers; what they are stands in the header ``X-Frame`` as JSON."""
    said, content = await pool.run(images.frame, scope, study, series, instance, number)
    told = {"X-Frame": json.dumps(said, separators=(",", ":"))}
    return Response(content, media_type=OCTETS, headers=AS_IT_LEFT | told)


def _first(listed: list[tuple[str, Content]]) -> str:
    """The image that is shown while the order of all is not known yet."""
    return next((uid for uid, content in listed if content.modality not in held.WITHOUT_IMAGE), "")


def _modality(objects: list[Content]) -> str:
    return " ".join(sorted({content.modality for content in objects if content.modality}))
