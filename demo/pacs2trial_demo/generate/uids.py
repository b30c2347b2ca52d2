"""Original UIDs of the generated objects: functions of patient, day and number, the same at every call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydicom.uid import PYDICOM_ROOT_UID

UID_ROOT = PYDICOM_ROOT_UID + "77017."
"""Below the root that pydicom makes new UIDs under. Every UID that belongs to one invented patient begins so."""

ORIGINAL_UID_ROOTS = (UID_ROOT, "2.16.840.1.113662.2.12.0.3057.", "1.2.246.352.7")
"""How every original UID of the demo data begins: the generated ones, and those of the Eclipse set."""


@dataclass(frozen=True)
class Uids:
    """The UIDs of one study: patient ``number``, study day ``when``."""

    number: int
    when: date

    def _uid(self, kind: int, *parts: int) -> str:
        return UID_ROOT + ".".join(map(str, (self.number, f"{self.when:%Y%m%d}", kind, *parts)))

    @property
    def study(self) -> str:
        return self._uid(1, 1)

    def series(self, series: int) -> str:
        return self._uid(2, series)

    def frame(self, frame: int) -> str:
        """A Frame of Reference UID; 1 is the planning CT's."""
        return self._uid(3, frame)

    def instance(self, series: int, instance: int) -> str:
        return self._uid(4, series, instance)

    def other(self, purpose: int, item: int = 1) -> str:
        """Any other UID: dose references, irradiation events, objects that were never sent."""
        return self._uid(5, purpose, item)
