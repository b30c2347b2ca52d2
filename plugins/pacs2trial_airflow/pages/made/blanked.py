"""What was blanked in the images of a series: areas with text, and faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pacs2trial.filtering.pixel_decisions import decisions_about
from pacs2trial.holdings.ledger import Content
from pacs2trial.holdings.view import View
from pacs2trial.pixels.areas import Area
from pacs2trial.pixels.masks import Mask, unpacked
from pacs2trial.preview.masks import mask_outlines
from pacs2trial.preview.stack import Image

Paths = dict[int, list[list[float]]]
"""By the place of an image in the stack: closed paths, as column, row, column, row …"""


def blanked_layers(view: View, objects: Sequence[Content], images: Sequence[Image]) -> list[dict[str, Any]]:
    """One layer of the areas that were blanked for text, one of the faces; each only if there is something of it."""
    layers = (
        ("blanked", "Blanked areas", "#ff66ff", _areas(view, objects, images)),
        ("face", "Blanked face", "#ffb366", _faces(view, objects, images)),
    )
    return [
        {"key": key, "name": name, "colour": colour, "paths": paths} for key, name, colour, paths in layers if paths
    ]


def _areas(view: View, objects: Sequence[Content], images: Sequence[Image]) -> Paths:
    with view.ws.vault.session(read_only=True) as session:
        decisions = decisions_about(session, [content.chosen.instance_id for content in objects])
    paths: Paths = {}
    for place, image in enumerate(images):
        chosen = objects[image.of_object].chosen
        for decided in decisions.get(chosen.instance_id, {}).values():
            if decided.outcome != "wipe" or decided.result not in ("", chosen.digest):
                continue
            for area in decided.areas:
                if area.first_frame <= image.frame <= (area.last_frame or image.frame):
                    paths.setdefault(place, []).append(_corners(area))
    return paths


def _faces(view: View, objects: Sequence[Content], images: Sequence[Image]) -> Paths:
    masks: dict[str, Mask] = {}
    paths: Paths = {}
    for place, image in enumerate(images):
        digest = objects[image.of_object].chosen.mask
        if digest and digest not in masks:
            masks[digest] = unpacked(view.ws.vault.pinned(digest))
        if digest and image.frame in masks[digest].planes:
            paths[place] = mask_outlines(masks[digest].planes[image.frame])
    return paths


def _corners(area: Area) -> list[float]:
    """Column and row of the corners, at the edges of pixels whose centres have whole numbers."""
    left, top = area.left - 0.5, area.top - 0.5
    right, bottom = left + area.width, top + area.height
    return [left, top, right, top, right, bottom, left, bottom]
