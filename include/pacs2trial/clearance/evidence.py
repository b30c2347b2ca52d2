"""What a person sees of a quarantined object before deciding: the picture and the texts that were found. In memory."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from sqlalchemy import select

from pacs2trial.clearance.decisions import CALLER
from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import InputError, UnsafeObjectError
from pacs2trial.pixels.areas import Area
from pacs2trial.pixels.decoding import shown_values
from pacs2trial.pixels.image import Image, image_of
from pacs2trial.staging import quarantine
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.tables import PixelDecision, QuarantineItem
from pacs2trial.workspace import Workspace

_AROUND = 6


@dataclass(frozen=True)
class FoundThere:
    """One text in the picture: where, what it says and was taken for, and the piece of the picture as PNG."""

    area: Area
    text: str = field(repr=False)
    finding: str
    reason: str
    crop: bytes = field(repr=False)


@dataclass(frozen=True)
class Evidence:
    """What is known of the pixels of a quarantined object.

    Attributes:
        rows, columns, frames: of the image; 0 where it cannot be decoded.
        outcome, reason: of the look at it; empty where nobody looked.
        areas: that would be wiped.
        texts: that were found.
    """

    rows: int
    columns: int
    frames: int
    outcome: str
    reason: str
    areas: tuple[Area, ...]
    texts: tuple[FoundThere, ...]


def evidence(ws: Workspace, token: str, *, actor: str) -> Evidence:
    """The evidence of one quarantined object; that somebody looked is recorded as a disclosure.

    Raises:
        InputError: there is no such object.
        PermanentError: its bytes are gone.
    """
    image = _image(ws, token, actor)
    decision = _decision(ws, token)
    found: list[dict[str, Any]] = []
    if decision is not None and decision.found_sealed is not None:
        text = ws.vault.unseal(STAGING, decision.found_sealed, caller=CALLER, purpose=f"evidence for {actor}")
        found = json.loads(text)
    areas = tuple(Area(*area) for area in decision.areas) if decision is not None else ()
    size = image.description if image is not None else None
    return Evidence(
        rows=size.rows if size else 0,
        columns=size.columns if size else 0,
        frames=size.frames if size else 0,
        outcome=decision.outcome if decision else "",
        reason=decision.reason if decision else "",
        areas=areas,
        texts=tuple(_there(image, one) for one in found if image is not None),
    )


def picture(ws: Workspace, token: str, frame: int = 1, *, actor: str) -> bytes:
    """One frame of a quarantined object as PNG.

    Raises:
        InputError: there is no such object or frame, or it cannot be shown.
        PermanentError: its bytes are gone.
    """
    image = _image(ws, token, actor)
    if image is None or not 1 <= frame <= image.description.frames:
        raise InputError(f"{token} has no frame {frame} that can be shown")
    return _png(_shown(image, frame))


def _image(ws: Workspace, token: str, actor: str) -> Image | None:
    data = quarantine.read(ws, token, caller=CALLER, purpose=f"evidence for {actor}")
    try:
        image = image_of(split_file(data))
        if image is not None:
            shown_values(image, 1)
    except UnsafeObjectError:
        return None
    return image


def _decision(ws: Workspace, token: str) -> PixelDecision | None:
    query = (
        select(PixelDecision)
        .join(
            QuarantineItem,
            (QuarantineItem.instance_id == PixelDecision.instance_id) & (QuarantineItem.pixels == PixelDecision.pixels),
        )
        .where(QuarantineItem.token == token)
    )
    with ws.vault.session(read_only=True) as session:
        return session.scalars(query).first()


def _there(image: Image, told: dict[str, Any]) -> FoundThere:
    area = Area(*told["area"])
    shown = _shown(image, area.first_frame)
    top, left = max(area.top - _AROUND, 0), max(area.left - _AROUND, 0)
    crop = shown[top : area.bottom + _AROUND, left : area.right + _AROUND]
    return FoundThere(area, str(told["text"]), str(told["finding"]), str(told["reason"]), _png(crop))


def _shown(image: Image, frame: int) -> NDArray[np.uint8]:
    """A frame in 8 bits: colour as it is, grey stretched over what it holds, MONOCHROME1 the right way round."""
    values = shown_values(image, frame)
    if values.ndim == 3:
        return values.astype(np.uint8)
    low, high = np.percentile(values, (0.5, 99.5))
    stretched = np.clip((values.astype(np.float64) - low) / max(float(high - low), 1e-9), 0, 1) * 255
    grey: NDArray[np.uint8] = stretched.astype(np.uint8)
    return 255 - grey if image.description.photometric == "MONOCHROME1" else grey


def _png(pixels: NDArray[np.uint8]) -> bytes:
    written = io.BytesIO()
    Picture.fromarray(np.ascontiguousarray(pixels)).save(written, "PNG")
    return written.getvalue()
