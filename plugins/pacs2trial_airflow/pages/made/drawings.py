"""Structures and isodose lines over the images of a series."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from pacs2trial.errors import HeldError
from pacs2trial.holdings.frames import encoded_frames, image_description
from pacs2trial.holdings.ledger import Content, Narrowing
from pacs2trial.holdings.objects import ShownObject
from pacs2trial.holdings.view import View
from pacs2trial.preview.contours import outlines
from pacs2trial.preview.isodose import isodoses
from pacs2trial.preview.pixels import pixels
from pacs2trial.preview.plans import prescribed_dose
from pacs2trial.preview.stack import Plane, plane_of
from pacs2trial_airflow.pages.made.blanked import blanked_layers
from pacs2trial_airflow.pages.made.held import stack_of
from pacs2trial_airflow.site import site


def drawings_of(scope: str, study: str, series: str) -> bytes:
    """Structures and isodose lines of the subject that lie on the images of a series, as JSON.

    Nothing is drawn on images whose geometry the trial does not get. What waits for a person is counted, not drawn.
    """
    objects, _, images = stack_of(scope, study, series)
    view = site.view(scope)
    drawn: dict[str, Any] = {"structures": [], "doses": [], "areas": blanked_layers(view, objects, images), "held": 0}
    planes = [image.plane for image in images if image.plane is not None]
    final = view.object_of(objects[images[0].of_object]).described()
    if len(planes) < len(images) or not all(plane.is_parallel(planes[0]) for plane in planes) or not plane_of(final):
        return json.dumps(drawn).encode()
    of_frame, prescribed = str(final.get("FrameOfReferenceUID") or ""), None
    others = _others(view, objects[0].owner, ("RTPLAN", "RTSTRUCT", "RTDOSE"))
    for content in sorted(others, key=lambda one: one.modality != "RTPLAN"):
        try:
            shown = view.object_of(content)
        except HeldError:
            drawn["held"] += 1
            continue
        dataset = shown.described()
        if content.modality == "RTPLAN":
            prescribed = prescribed or prescribed_dose(dataset)
        elif content.modality == "RTSTRUCT" and of_frame in _frames_of(dataset):
            found = [vars(one) for one in outlines(dataset, planes)]
            drawn["structures"].append({"label": _label(dataset, "StructureSetLabel"), "outlines": found})
        elif content.modality == "RTDOSE" and str(dataset.get("FrameOfReferenceUID") or "") == of_frame:
            drawn["doses"] += _isodoses(shown, dataset, planes, prescribed)
    return json.dumps(drawn, separators=(",", ":")).encode()


def _others(view: View, owner: str, modalities: Sequence[str]) -> list[Content]:
    narrowing = Narrowing(owners=(owner,), modalities=tuple(modalities))
    with view.ws.vault.session(read_only=True) as session:
        return view.ledger.all_contents(session, narrowing)


def _frames_of(structures: Dataset) -> set[str]:
    """The frames of reference in which the structures lie."""
    items = structures.get("StructureSetROISequence") or ()
    return {str(item.get("ReferencedFrameOfReferenceUID") or "") for item in items}


def _isodoses(
    shown: ShownObject, header: Dataset, planes: Sequence[Plane], prescribed: float | None
) -> list[dict[str, Any]]:
    image = image_description(header)
    if not image.rows or not shown.pixel:
        return []
    parts = encoded_frames(shown, header, list(range(1, image.frames + 1)))
    flat = [pixels(header, part, shown.transfer_syntax) for part in parts]
    grid = np.stack([np.frombuffer(one.data, "<f4" if one.kind == "float32" else "<i2") for one in flat])
    made = isodoses(header, grid.reshape(image.frames, image.rows, image.columns), planes, prescribed)
    if made is None:
        return []
    label = " ".join(filter(None, (_label(header, "DoseSummationType"), _label(header, "DoseType"))))
    return [{**vars(made), "label": label, "lines": [vars(line) for line in made.lines]}]


def _label(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "")
