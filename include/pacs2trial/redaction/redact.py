"""Areas or a mask blanked in an object: the same object and the same of these give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import Buffer

from pacs2trial.dicomfile.encoding import EncodedObject, file_bytes, split_dataset, split_file
from pacs2trial.dicomfile.scan import refuse
from pacs2trial.pixels.areas import Area, Planes, planes_of
from pacs2trial.pixels.image import UNDECODABLE, Image, image_of
from pacs2trial.pixels.masks import Mask
from pacs2trial.redaction.compressed import blanked_compressed
from pacs2trial.redaction.header import TEXT, Changes, Purpose, changed_header
from pacs2trial.redaction.native import blanked_native

_SOP_CLASS, _SOP_INSTANCE = 0x00080016, 0x00080018


def redact(obj: EncodedObject, where: Sequence[Area] | Mask, purpose: Purpose = TEXT) -> EncodedObject:
    """An object with pixels blanked in the stored values of every frame concerned; itself if there are none.

    Transfer syntax and encoding stay, unless the pixels are compressed in a way that loses: then they become the
    lossless form of the same family, and the header tells that they were lossy before.

    Args:
        obj: in memory, before or after stage 1. Its SOP Instance UID stays: each stage gives it a new one.
        where: areas, of which what lies outside of the image is cut off; or a mask.
        purpose: what for; the header tells.

    Raises:
        UnsafeObjectError: ``undecodable-pixels``, also for a mask of an image of another size; or what
            :func:`pacs2trial.pixels.image.image_of` says: it is held.
    """
    if not (where.planes if isinstance(where, Mask) else where):
        return obj
    image = image_of(obj)
    if image is None:
        refuse(UNDECODABLE, "areas are to be blanked in an object that has no pixels")
    planes = _planes(image, where)
    if not planes:
        return obj
    syntax, pixel, changes = _blanked(obj, image, planes)
    header = changed_header(obj, changes, purpose)
    return split_dataset(header + pixel, syntax)


def redact_file(data: Buffer, areas: Sequence[Area]) -> bytes:
    """The same for a Part 10 file; without areas its bytes as they are.

    Raises:
        UnsafeObjectError: as :func:`redact`, or if it is no DICOM file.
    """
    if not areas:
        return bytes(data)
    made = redact(split_file(data), areas)
    sop_class, sop_instance = (
        made.value(tag).strip(b" \0").decode("ascii", "replace") for tag in (_SOP_CLASS, _SOP_INSTANCE)
    )
    return file_bytes(sop_class, sop_instance, made.transfer_syntax, bytes(made.header)) + bytes(made.pixel)


def _planes(image: Image, where: Sequence[Area] | Mask) -> Planes:
    size = image.description.rows, image.description.columns, image.description.frames
    if not isinstance(where, Mask):
        return planes_of(where, *size)
    if (where.rows, where.columns, where.frames) != size:
        refuse(UNDECODABLE, "the mask is one of an image of another size")
    return where.planes


def _blanked(obj: EncodedObject, image: Image, planes: Planes) -> tuple[str, bytes, Changes]:
    """Transfer syntax, pixel data element and further attributes after blanking."""
    head = bytes(obj.pixel[: len(obj.pixel) - len(image.value)])
    if image.is_native:
        return obj.transfer_syntax, head + blanked_native(image, planes), {}
    syntax, value, changes = blanked_compressed(image, planes)
    return syntax, head + value, changes
