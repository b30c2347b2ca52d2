"""Series from which a face could be made out: by anatomy and by geometry (PS3.15 E.3.2).

A volume of the head whose slices lie close enough gives a rendering that people recognise; so does one of which the
header does not say what it shows and whose field of view is that of a head. The object's own word that no features can
be recognised (0028,0302) is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from pacs2trial.filtering.conditions import as_number, number_of

Facts = Mapping[str, Any]

RULE: Final = "faces: a face could be made out"

WITH_FACES: Final = frozenset({"CT", "MR", "PT"})
LARGEST_PIXEL: Final = 2.5
"""Largest distance of pixels, mm, in an image in which a face can still be made out."""
LARGEST_STEP: Final = 6.0
"""Largest distance of slices, mm."""
SHORTEST: Final = 50.0
"""A shorter stack of slices, mm, shows no face."""
HEAD_VIEW: Final = (140.0, 320.0)
"""Field of view of examinations of the head, mm: larger ones of unknown anatomy are taken for the trunk."""

_HEAD: Final = re.compile(
    r"head|brain|skull|cran|cereb|\bface|facial|maxill|mandib|orbit|sinus|\bears?\b|\bnose|nasal|\bneck|pharyn|pituit"
    r"|temporal|\biac\b|whole ?body|h ?& ?n\b|\bhn\b|hno|kopf|hirn|sch[aä]del|gesicht|hals|t[eê]te|cabeza|testa|hoofd",
    re.IGNORECASE,
)
_ELSEWHERE: Final = re.compile(
    r"chest|thora|lung|abdom|pelvi|becken|prostat|breast|mamma|heart|cardia|liver|hepat|kidney|spine|lumb|knee|ankle"
    r"|foot|hand|wrist|elbow|shoulder|hip\b|femur|tibia|extrem|leg\b|arm\b|uter|cervix|bladder|rect|colon|aort|esoph",
    re.IGNORECASE,
)
_TELLING: Final = ("body_part", "series_description", "study_description", "protocol_name")


def shows_face(series: Sequence[Facts]) -> bool:
    """Whether a face could be made out from the instances of one series, by their facts."""
    images = [one for one in series if _is_volume(one)]
    if not images:
        return False
    anatomy = _anatomy(images)
    if anatomy == "elsewhere":
        return False
    first = images[0]
    spacing = number_of(first, "pixel_spacing")
    if spacing is not None and spacing > LARGEST_PIXEL:
        return False
    if not _is_dense(images):
        return False
    if anatomy == "head":
        return True
    sides = [float(first.get(name) or 0) * (spacing or 0.0) for name in ("rows", "columns")]
    return all(HEAD_VIEW[0] <= side <= HEAD_VIEW[1] for side in sides)


def _is_volume(facts: Facts) -> bool:
    if str(facts.get("modality") or "").strip().upper() not in WITH_FACES:
        return False
    kinds = {str(kind).upper() for kind in facts.get("image_type") or ()}
    return bool(facts.get("rows")) and not kinds & {"LOCALIZER", "SCOUT", "TOPOGRAM"}


def _anatomy(images: Sequence[Facts]) -> str:
    """``head``, ``elsewhere``, or empty where no word of it is known; a word for the head outweighs others."""
    said = {str(one.get(name) or "") for one in images for name in _TELLING}
    if any(_HEAD.search(text) for text in said):
        return "head"
    return "elsewhere" if any(_ELSEWHERE.search(text) for text in said) else ""


def _is_dense(images: Sequence[Facts]) -> bool:
    """Whether slices lie close enough over a length that shows a face; what cannot be told counts as if."""
    if any(int(one.get("frames") or 0) > 1 for one in images):
        return True
    first = images[0]
    step, length = _step_and_length(images)
    if step is None:
        step = number_of(first, "slice_spacing") or number_of(first, "slice_thickness")
        length = (step or LARGEST_STEP) * len(images)
    return (step is None or step <= LARGEST_STEP) and length >= SHORTEST


def _step_and_length(images: Sequence[Facts]) -> tuple[float | None, float]:
    """Median distance of slices and length of the stack along its normal, mm (PS3.3 C.7.6.2.1.1)."""
    along = sorted({round(place, 2) for one in images if (place := _place(one)) is not None})
    if len(along) < 2:
        return None, 0.0
    return float(np.median([later - earlier for earlier, later in pairwise(along)])), along[-1] - along[0]


def _place(facts: Facts) -> float | None:
    position, orientation = _vector(facts.get("position"), 3), _vector(facts.get("orientation"), 6)
    if position is None or orientation is None:
        return None
    normal = np.cross(orientation[:3], orientation[3:])
    return float(np.dot(normal, position))


def _vector(text: Any, length: int) -> list[float] | None:
    numbers = [as_number(part) for part in str(text or "").split("\\")]
    found = [number for number in numbers if number is not None]
    return found if len(found) == len(numbers) == length else None
