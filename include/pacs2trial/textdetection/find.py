"""Text in the pixel data of one object: every frame is looked at, in the ways in which a person might see it."""

from __future__ import annotations

from pacs2trial.dicomfile.encoding import EncodedObject
from pacs2trial.pixels.areas import Area
from pacs2trial.pixels.decoding import shown_values
from pacs2trial.pixels.image import Image, image_of
from pacs2trial.textdetection.found import FoundText
from pacs2trial.textdetection.reader import Reader, reader
from pacs2trial.textdetection.views import views_of


def find_text(obj: EncodedObject, *, threads: int = 1) -> list[FoundText]:
    """Every line of text in the pixels of an object, by frame and place; empty if it has no pixels.

    Args:
        obj: the object in memory; nothing is written anywhere.
        threads: that read one picture; a caller with several processes says 1.

    Raises:
        UnsafeObjectError: ``undecodable-pixels``, ``pixel-length`` or ``pixel-encoding``: nobody can say what the
            image shows, and it must be held.
    """
    image = image_of(obj)
    if image is None:
        return []
    eyes = reader(threads)
    found = [one for number in range(1, image.description.frames + 1) for one in _in_frame(image, number, eyes)]
    return sorted(found, key=lambda one: (one.area.first_frame, one.area.top, one.area.left))


def _in_frame(image: Image, number: int, eyes: Reader) -> list[FoundText]:
    found = []
    for view in views_of(shown_values(image, number), image):
        for one in eyes.read(view):
            area = Area(one.left, one.top, one.right - one.left, one.bottom - one.top, number, number)
            found.append(FoundText(area, one.text, one.confidence))
    return found
