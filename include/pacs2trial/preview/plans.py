"""Treatment plans and dose-volume histograms as the objects tell them (PS3.3 C.8.8.13, C.8.8.14, C.8.8.25, C.8.8.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from pydicom.dataset import Dataset

_MOST_POINTS: Final = 200
_UNITS: Final = {"GY": "Gy", "RELATIVE": "relative"}
"""Dose Units (3004,0002) as people write them."""


@dataclass(frozen=True)
class Beam:
    """One beam; angles in degrees as the first control point has them, monitor units of the first fraction group."""

    number: int
    name: str
    kind: str
    radiation: str
    machine: str
    energy: str
    gantry: str
    collimator: str
    couch: str
    meterset: str
    control_points: int


@dataclass(frozen=True)
class Histogram:
    """One dose-volume histogram: cumulative or differential, volume in per cent of the highest value.

    ``points`` are pairs of dose (in ``unit``) and volume.
    """

    roi: int
    name: str
    kind: str
    unit: str
    volume_unit: str
    minimum: str
    maximum: str
    mean: str
    points: Sequence[tuple[float, float]]


def beams(plan: Dataset) -> list[Beam]:
    """The beams of an RT Plan or RT Ion Plan."""
    metersets = {
        _whole(one.get("ReferencedBeamNumber")): _number(one.get("BeamMeterset"))
        for group in list(plan.get("FractionGroupSequence") or ())[:1]
        for one in group.get("ReferencedBeamSequence") or ()
    }
    return [_beam(one, metersets) for one in plan.get("BeamSequence") or plan.get("IonBeamSequence") or ()]


def prescribed_dose(plan: Dataset) -> float | None:
    """The highest target prescription dose, in Gy; None if the plan names none."""
    found = []
    for one in plan.get("DoseReferenceSequence") or ():
        try:
            found.append(float(one.TargetPrescriptionDose))
        except (AttributeError, TypeError, ValueError):
            continue
    return max(found, default=None)


def histograms(dose: Dataset, names: dict[int, str]) -> list[Histogram]:
    """The histograms that the planning system wrote into an RT Dose.

    Args:
        dose: the object.
        names: of structures, by ROI number.
    """
    found = [_histogram(one, names) for one in dose.get("DVHSequence") or ()]
    return [one for one in found if one is not None]


def roi_names(structures: Dataset) -> dict[int, str]:
    """Names of the structures of an RT Structure Set, by ROI number."""
    items = structures.get("StructureSetROISequence") or ()
    return {_whole(item.get("ROINumber")): str(item.get("ROIName") or "") for item in items}


def _beam(beam: Dataset, metersets: dict[int, str]) -> Beam:
    points = list(beam.get("ControlPointSequence") or beam.get("IonControlPointSequence") or ())
    first = points[0] if points else Dataset()
    number = _whole(beam.get("BeamNumber"))
    return Beam(
        number=number,
        name=str(beam.get("BeamName") or ""),
        kind=str(beam.get("BeamType") or ""),
        radiation=str(beam.get("RadiationType") or ""),
        machine=str(beam.get("TreatmentMachineName") or ""),
        energy=_number(first.get("NominalBeamEnergy")),
        gantry=_number(first.get("GantryAngle")),
        collimator=_number(first.get("BeamLimitingDeviceAngle")),
        couch=_number(first.get("PatientSupportAngle")),
        meterset=metersets.get(number, ""),
        control_points=len(points),
    )


def _histogram(one: Dataset, names: dict[int, str]) -> Histogram | None:
    try:
        scaling = float(one.get("DVHDoseScaling") or 1)
        data = np.array([float(each) for each in one.DVHData]).reshape(-1, 2)
        roi = int(one.DVHReferencedROISequence[0].ReferencedROINumber)
    except (AttributeError, IndexError, TypeError, ValueError):
        return None
    doses, volumes = np.cumsum(data[:, 0]) * scaling, data[:, 1]
    if not len(doses) or not volumes.max() > 0:
        return None
    few = np.unique(np.linspace(0, len(doses) - 1, _MOST_POINTS).astype(int))
    shares = 100 * volumes[few] / volumes.max()
    return Histogram(
        roi=roi,
        name=names.get(roi, f"ROI {roi}"),
        kind=str(one.get("DVHType") or ""),
        unit=_UNITS.get(str(one.get("DoseUnits") or ""), ""),
        volume_unit=str(one.get("DVHVolumeUnits") or ""),
        minimum=_number(one.get("DVHMinimumDose")),
        maximum=_number(one.get("DVHMaximumDose")),
        mean=_number(one.get("DVHMeanDose")),
        points=[(float(dose), float(share)) for dose, share in zip(doses[few], shares, strict=True)],
    )


def _number(value: Any) -> str:
    try:
        return f"{float(value):g}"
    except (TypeError, ValueError):
        return ""


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return -1
