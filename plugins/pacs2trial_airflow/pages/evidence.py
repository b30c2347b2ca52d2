"""The picture of a quarantined object: what a person has to see to decide, and nobody else."""

from __future__ import annotations

import io
from typing import Final

import pydicom
from pydicom.encaps import get_frame
from pydicom.errors import InvalidDicomError
from pydicom.pixels.utils import get_nr_frames

from pacs2trial.holdings.frames import image_description
from pacs2trial.preview.rendering import NotAPictureError, Viewport, rendered
from pacs2trial.staging.quarantine import read
from pacs2trial.workspace import Workspace

_SIZE: Final = Viewport(1024, 1024)


def evidence(ws: Workspace, token: str, number: int, *, actor: str) -> bytes:
    """One frame of a quarantined object as PNG, decrypted in memory. Written to the audit before it is decrypted.

    Args:
        ws: the site.
        token: names the object.
        number: of the frame, from 1.
        actor: who looks; stands in the audit.

    Raises:
        InputError: there is no such object.
        PermanentError: its bytes are gone or were changed.
        NotAPictureError: it is no image, has fewer frames, or cannot be decoded here.
    """
    ws.vault.audit.record("quarantine look", actor=actor, target=token, frame=number)
    content = read(ws, token, caller="quarantine page", purpose=f"picture for {actor}")
    try:
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        syntax = dataset.file_meta.TransferSyntaxUID
        encoded = dataset.PixelData
        frames = get_nr_frames(dataset, warn=False)
        if not 1 <= number <= frames:
            raise NotAPictureError(f"it has {frames} frames")
        if syntax.is_encapsulated:
            frame = get_frame(encoded, number - 1, number_of_frames=frames)
        else:
            image = image_description(dataset)
            length = image.rows * image.columns * image.samples * ((image.bits + 7) // 8)
            frame = encoded[(number - 1) * length : number * length]
        del dataset.PixelData
    except (AttributeError, InvalidDicomError, ValueError, KeyError, OSError) as error:
        raise NotAPictureError(f"it is no image that can be shown ({type(error).__name__})") from None
    return rendered(dataset, frame, str(syntax), viewport=_SIZE, kind="png")
