"""Style sheets and scripts, shipped with the plugin; their addresses change with what is in them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pacs2trial_airflow.site import NotFoundError

router = APIRouter()

KINDS: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
FOR_A_YEAR: Final = {"Cache-Control": "private, max-age=31536000, immutable"}


@cache
def _shipped() -> dict[str, bytes]:
    folder = files("pacs2trial_airflow.pages") / "assets"
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name.rpartition(".")[2] in KINDS}


@cache
def address_of(name: str) -> str:
    """The address of an asset below the root of the pages."""
    return f"/assets/{hashlib.sha256(_shipped()[name]).hexdigest()[:12]}/{name}"


@router.get("/assets/{digest}/{name}")
async def asset(digest: str, name: str) -> Response:
    """A style sheet, script or drawing."""
    content = _shipped().get(name)
    if content is None or address_of(name) != f"/assets/{digest}/{name}":
        raise NotFoundError("there is no such file")
    return Response(content, media_type=KINDS[name.rpartition(".")[2]], headers=FOR_A_YEAR)


@router.get("/icon.svg")
@router.get("/icon-dark.svg")
async def icon(request: Request) -> Response:
    """The icon of the navigation entry, at an address that does not change."""
    name = request.url.path.rpartition("/")[2]
    return Response(_shipped()[name], media_type=KINDS["svg"], headers={"Cache-Control": "private, max-age=3600"})
