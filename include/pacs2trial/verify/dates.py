"""Dates, attribute by attribute: where the trial alters them, none is as staging keeps it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final, Literal

from pacs2trial.trials.definition import Option, TrialDefinition
from pacs2trial.verify.dicom import DicomObject
from pacs2trial.verify.own_rules import RulesOfTrial

_DAYS: Final = re.compile(r"\d{8}")
_ACR_NEMA: Final = re.compile(r"\d{4}\.\d\d\.\d\d")
_NUMBER: Final = re.compile(r"\[\d+\]")
_NO_DATES: Final = frozenset(
    (
        *("00000000", "00010101", "11111111", "16010101", "17530101", "18581117", "18991230", "18991231"),
        *("19000101", "19010101", "19700101", "19800101", "99990101", "99991231"),
    )
)
"""What stands for no date, among it the first days of computers' calendars: it does not move, and a dummy is one."""

_BIRTH: Final = "PatientBirthDate"
_OF_DEVICES: Final = frozenset(
    (
        *("BeamHoldTransitionDateTime", "CalibrationDate", "CalibrationDateTime", "DateOfInstallation"),
        *("DateOfLastCalibration", "DateOfLastDetectorCalibration", "DateOfManufacture", "DateTimeOfLastCalibration"),
    )
)
"""Dates that Retain Device Identity keeps (PS3.15 table E.1-1): they tell of the device, not of the patient."""


class Dates:
    """Compares the dates (VR DA and DT) of staged objects with those of the package.

    Of a sequence all items count together: some may be gone. What the trial's own rules speak of is theirs.

    Args:
        definition: of the trial.
        shift: days by which dates of the subject move, where they do.
    """

    def __init__(self, definition: TrialDefinition, shift: int) -> None:
        options = definition.profile.options
        self._policy: Literal["full", "modified", "removed"] = "removed"
        if Option.RETAIN_FULL_DATES in options:
            self._policy = "full"
        elif Option.RETAIN_MODIFIED_DATES in options:
            self._policy = "modified"
        self._birth_year = definition.profile.birth_date == "year"
        self._shift = timedelta(days=shift)
        self._rules = RulesOfTrial(definition.profile.rules)
        self._kept = _OF_DEVICES if Option.RETAIN_DEVICE_IDENTITY in options else frozenset[str]()

    def findings(self, name: str, staged: DicomObject, packed: DicomObject) -> Iterator[str]:
        """Attributes of a member that hold a date as it was, or one that is not the moved one."""
        if self._policy == "full":
            return
        sop_class, modality = staged.first("SOPClassUID"), staged.first("Modality")
        before: dict[str, list[str]] = {}
        for path, days in _dates(staged):
            before.setdefault(_NUMBER.sub("", path), []).extend(days)
        for path, days in _dates(packed):
            if path.startswith(_BIRTH):
                if any(not (self._birth_year and day.endswith("0101")) for day in days):
                    yield f"{name}: {path} holds a date"
            elif not self._rules.speaks_of(path, sop_class, modality):
                as_staged = before.get(_NUMBER.sub("", path), [])
                if _NUMBER.sub("", path).rpartition(".")[2] in self._kept and set(days) <= set(as_staged):
                    continue
                problem = self._problem(days, as_staged)
                if problem:
                    yield f"{name}: {path} {problem}"

    def _problem(self, days: Sequence[str], before: Sequence[str]) -> str:
        if self._policy == "removed":
            return "holds a date" if days else ""
        return "" if set(days) <= {self._moved(day) for day in before} else "holds a date that is not the moved one"

    def _moved(self, day: str) -> str:
        try:
            return f"{date(int(day[:4]), int(day[4:6]), int(day[6:])) + self._shift:%Y%m%d}"
        except (ValueError, OverflowError):
            return ""


def _dates(found: DicomObject) -> Iterator[tuple[str, list[str]]]:
    for element in found.elements:
        if element.vr in ("DA", "DT"):
            values = [each.replace(".", "") if _ACR_NEMA.fullmatch(each) else each for each in element.values()]
            days = [value[:8] for value in values if _DAYS.match(value)]
            days = [day for day in days if day not in _NO_DATES]
            if days:
                yield element.path, days
