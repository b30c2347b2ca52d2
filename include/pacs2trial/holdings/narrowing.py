"""From the keys of a query to what the ledger can decide and what has to be compared object by object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from pacs2trial.holdings.ledger import Narrowing
from pacs2trial.holdings.levels import UNIQUE_KEYS, Level, level_of
from pacs2trial.holdings.matching import bounds, texts

NOT_MATCHED: Final = frozenset(
    ("QueryRetrieveLevel", "SpecificCharacterSet", "RetrieveAETitle", "InstanceAvailability", "TimezoneOffsetFromUTC")
)
_FROM_LEDGER: Final = {"Modality": Level.SERIES, "ModalitiesInStudy": Level.STUDY, "SOPClassUID": Level.IMAGE}


@dataclass(frozen=True)
class Keys:
    """The keys of a query at one level.

    Attributes:
        narrowing: decided by the ledger; its UIDs are those that the asker knows.
        compared: keys that have to be compared with each entity.
    """

    level: Level
    narrowing: Narrowing
    compared: tuple[DataElement, ...]


def read_keys(level: Level, identifier: Dataset, *, dates_known: bool) -> Keys:
    """Read the keys of a query; those of a lower level than asked match nothing and narrow nothing.

    Args:
        level: at which entities are asked for.
        identifier: the keys.
        dates_known: the ledger's study dates are those that the scope shows.
    """
    found: dict[str, tuple[str, ...]] = {}
    dates: tuple[date, date] | None = None
    compared: list[DataElement] = []
    for key in identifier:
        keyword = key.keyword
        if key.is_empty or keyword in NOT_MATCHED or level_of(key.tag) > level:
            continue
        if dates_known and keyword == "StudyDate":
            dates = _days(texts(identifier, keyword))
        if _decided(keyword, level, values := texts(identifier, key.tag)):
            found[keyword] = tuple(value.strip() for value in values)
        else:
            compared.append(key)
    narrowing = Narrowing(
        owners=found.get("PatientID"),
        studies=found.get("StudyInstanceUID"),
        series=found.get("SeriesInstanceUID"),
        sop_instances=found.get("SOPInstanceUID"),
        modalities=found.get("Modality"),
        modalities_in_study=found.get("ModalitiesInStudy"),
        sop_classes=found.get("SOPClassUID"),
        dates=dates,
    )
    return Keys(level, narrowing, tuple(compared))


def _decided(keyword: str, level: Level, values: Sequence[str]) -> bool:
    """Whether the ledger alone can tell which entities have one of ``values``."""
    if any(sign in value for value in values for sign in "*?"):
        return False
    return keyword in UNIQUE_KEYS.values() or _FROM_LEDGER.get(keyword, Level.IMAGE + 1) <= level


def _days(values: Sequence[str]) -> tuple[date, date] | None:
    if len(values) != 1:
        return None
    try:
        first, last = (datetime.strptime(day, "%Y%m%d").date() for day in bounds("DA", values[0]))  # noqa: DTZ007
    except ValueError:
        return None
    return first, last
