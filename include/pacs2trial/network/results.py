"""What a PACS answers, as typed and frozen values. They are originals: never logged, so ``repr`` shows none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class StudyFound:
    """A study of the asked patient.

    What the PACS does not say is empty: ``issuer``, ``accession_number``, ``modalities`` (0008,0061); ``description``
    (0008,1030) is None then. ``series_told`` is how many series it says that the study has (0020,1206): PACS lie.
    """

    study: str = field(repr=False)
    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)
    accession_number: str = field(repr=False)
    study_date: date | None = field(repr=False)
    description: str | None = field(default=None, repr=False)
    modalities: tuple[str, ...] = field(default=(), repr=False)
    series_told: int | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SeriesFound:
    """A series of one study; ``modality`` is empty when the PACS does not say.

    ``instances_told`` is how many instances the PACS says that it has (0020,1209); PACS lie about it.
    """

    study: str = field(repr=False)
    series: str = field(repr=False)
    modality: str
    instances_told: int | None = None


@dataclass(frozen=True, slots=True)
class InstanceFound:
    """An instance of one series; ``sop_class`` is an optional key, empty when the PACS does not say."""

    study: str = field(repr=False)
    series: str = field(repr=False)
    sop_instance: str = field(repr=False)
    sop_class: str


@dataclass(frozen=True, slots=True)
class SubOperations:
    """Numbers of the C-STORE sub-operations of one C-MOVE or C-GET (PS3.7 9.1.4.1); ``None``: the PACS did not say.

    They are what a PACS claims. What has arrived is known only to the ledger.
    """

    completed: int | None
    failed: int | None
    warning: int | None
    remaining: int | None
