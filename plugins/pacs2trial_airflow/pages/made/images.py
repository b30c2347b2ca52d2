"""Frames as numbers, thumbnails, and the order of a series."""

from __future__ import annotations

import json
from typing import Any, Final

from pydicom.dataset import Dataset

from pacs2trial.holdings.frames import encoded_frames, image_description
from pacs2trial.preview.pixels import pixels
from pacs2trial.preview.rendering import Viewport, rendered
from pacs2trial.preview.stack import spacing_of
from pacs2trial_airflow.pages.made.held import WITHOUT_IMAGE, found, stack_of
from pacs2trial_airflow.site import NotFoundError, site

THUMBNAIL: Final = Viewport(columns=256, rows=256)


def thumbnail(scope: str, study: str, series: str) -> bytes:
    """The middle image of a series as JPEG."""
    objects = [content for content in found(scope, study, series) if content.modality not in WITHOUT_IMAGE]
    if not objects:
        raise NotFoundError("there is no image")
    shown = site.view(scope).object_of(objects[len(objects) // 2])
    header = shown.described()
    (frame,) = encoded_frames(shown, header, [(image_description(header).frames + 1) // 2])
    return rendered(header, frame, shown.transfer_syntax, viewport=THUMBNAIL, quality=80)


def frame(scope: str, study: str, series: str, instance: str, number: int) -> tuple[dict[str, Any], bytes]:
    """One frame as numbers: what they are, and they themselves."""
    (content, *_) = found(scope, study, series, instance)
    shown = site.view(scope).object_of(content)
    header = shown.described()
    if not shown.pixel or not 1 <= number <= image_description(header).frames:
        raise NotFoundError("there is no such frame")
    (encoded,) = encoded_frames(shown, header, [number])
    made = pixels(header, encoded, shown.transfer_syntax)
    said = {
        "rows": made.rows,
        "columns": made.columns,
        "kind": made.kind,
        "window": made.window,
        "inverted": made.inverted,
    }
    return said, made.data


def series_of(scope: str, study: str, series: str) -> bytes:
    """The images of a series in their order, as JSON: places in ``instances``, frames, positions, shape of a pixel."""
    objects, headers, images = stack_of(scope, study, series)
    shown = site.view(scope).shown([content.chosen.sop_instance for content in objects])
    first = headers[images[0].of_object] if images else Dataset()
    content = {
        "instances": [shown[content.chosen.sop_instance] for content in objects],
        "images": [
            [image.of_object, image.frame, round(image.plane.position, 2) if image.plane else None] for image in images
        ],
        "rows": images[0].rows if images else 0,
        "columns": images[0].columns if images else 0,
        "spacing": spacing_of(first),
        "modality": objects[0].modality,
    }
    return json.dumps(content, separators=(",", ":")).encode()
