"""Linked radiotherapy studies of invented patients, the same bytes at every call."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date

from pydicom.dataset import FileDataset

from pacs2trial_demo.generate.anatomy import Anatomy
from pacs2trial_demo.generate.ct import CtGeometry, cone_beam_ct, planning_ct
from pacs2trial_demo.generate.files import dataset_bytes, part10, write
from pacs2trial_demo.generate.header import StudyContext
from pacs2trial_demo.generate.mr import mr_series
from pacs2trial_demo.generate.registration import registration
from pacs2trial_demo.generate.rtdose import dose
from pacs2trial_demo.generate.rtimage import portal_images
from pacs2trial_demo.generate.rtplan import plan
from pacs2trial_demo.generate.rtstruct import structure_set
from pacs2trial_demo.generate.uids import ORIGINAL_UID_ROOTS, UID_ROOT, Uids
from pacs2trial_demo.generate.ultrasound import burned_in_lines, ultrasound
from pacs2trial_demo.identities import Identity

__all__ = [
    "ORIGINAL_UID_ROOTS",
    "RT_PARTS",
    "UID_ROOT",
    "CtGeometry",
    "StudyContext",
    "Uids",
    "burned_in_lines",
    "dataset_bytes",
    "part10",
    "study",
    "write",
]

RT_PARTS = frozenset({"CT", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTIMAGE", "REG"})
"""The parts of a planning study; ``US`` and ``MR`` may be added, and ``CT`` may stand alone."""


def study(
    identity: Identity,
    *,
    when: date,
    parts: Collection[str] = RT_PARTS,
    slices: int = 40,
    matrix: int = 256,
    thickness: float = 5.0,
    dose_spacing: float = 5.0,
    control_points: int = 2,
    contour_density: int = 1,
    mr_slices: int = 8,
    mr_matrix: int = 128,
) -> list[FileDataset]:
    """One study of ``identity`` on the day ``when`` with all references between its objects right.

    The defaults are the demo's size (about 7 MB: 40 slices of 256 by 256); the bench asks for 300 slices of 512 by
    512, 1 mm thick, and for larger structure sets and MR series.

    Args:
        identity: whose study.
        when: study date; a patient's studies need different days, since UIDs are made from it.
        parts: modalities wanted. An object that is left out is still referred to by the others, as in a PACS that
            never got it. ``REG`` brings the cone-beam CT that it registers.
        slices: number of planning CT slices.
        matrix: rows and columns of the planning CT.
        thickness: mm between slices.
        dose_spacing: mm between dose points.
        control_points: control points for each of the two beams; 2 is a static beam.
        contour_density: points of every contour, times the demo's.
        mr_slices: number of MR slices.
        mr_matrix: rows and columns of an MR slice.

    Returns:
        CT slices first, then structure set, plan, dose, portal images, cone-beam CT, registration, ultrasound, MR.

    Raises:
        ValueError: a part has no generator.
    """
    context = StudyContext(identity, when)
    anatomy = Anatomy.of(identity.number)
    planning = CtGeometry(slices, matrix, thickness)
    treatment = CtGeometry(max(2, slices // 2), 128, thickness)
    makers: dict[str, Callable[[], list[FileDataset]]] = {
        "CT": lambda: list(planning_ct(context, anatomy, planning)),
        "RTSTRUCT": lambda: [structure_set(context, anatomy, planning, contour_density)],
        "RTPLAN": lambda: [plan(context, anatomy, control_points)],
        "RTDOSE": lambda: [dose(context, anatomy, planning, dose_spacing)],
        "RTIMAGE": lambda: portal_images(context, anatomy),
        "REG": lambda: [
            *cone_beam_ct(context, anatomy, treatment),
            registration(context, planning.slices, treatment.slices),
        ],
        "US": lambda: [ultrasound(context)],
        "MR": lambda: list(mr_series(context, mr_slices, mr_matrix)),
    }
    unknown = set(parts) - set(makers)
    if unknown:
        raise ValueError(f"no such part of a study: {', '.join(sorted(unknown))}; known are {', '.join(makers)}")
    return [ds for part, make in makers.items() if part in parts for ds in make()]
