"""Which UIDs of returned objects stand for originals, and which were made by whoever made the objects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from sqlalchemy import select

from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import Vault
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Kind, Pseudonym, Scope

STANDARD = "1.2.840.10008."
"""Root of the UIDs of the standard itself (PS3.6 A), which name nobody and stay."""

MAKING = frozenset(
    {
        "SOPInstanceUID",
        "SeriesInstanceUID",
        "FrameOfReferenceUID",
        "SynchronizationFrameOfReferenceUID",
        "InstanceCreatorUID",
        "DeviceUID",
        "DimensionOrganizationUID",
        "ConcatenationUID",
        "ObservationUID",
        "TrackingUID",
        "DoseReferenceUID",
        "ConceptualVolumeUID",
        "FiducialUID",
        "TargetUID",
        "UID",
    }
)
"""Attributes that give a name to something new; every other UID refers to something that exists elsewhere."""


@dataclass(frozen=True)
class Way:
    """What a pseudonym of a trial stands for."""

    trial: str
    original: str = field(repr=False)
    staged: str = field(repr=False)


def uid_elements(dataset: Dataset) -> Iterator[DataElement]:
    """Every element of VR UI at any depth that has a value."""
    for element in dataset.iterall():
        if element.VR == "UI" and element.value:
            yield element


def values(element: DataElement) -> list[str]:
    """The values of an element of VR UI."""
    several = element.value if element.VM > 1 else [element.value]
    return [str(value) for value in several]


def ways_back(vault: Vault, uids: Iterable[str], *, caller: str, purpose: str) -> dict[str, list[Way]]:
    """What each UID stands for in the trials of this vault; UIDs that are no pseudonyms are left out."""
    found: dict[str, list[tuple[str, str]]] = {}
    with vault.session(read_only=True) as session:
        for batch in batches(sorted(set(uids))):
            rows = session.execute(
                select(Pseudonym.pseudo, Scope.name, Pseudonym.lookup)
                .join(Scope, Scope.id == Pseudonym.scope_id)
                .where(
                    Pseudonym.pseudo.in_(batch),
                    Pseudonym.kind == Kind.UID,
                    Scope.name != STAGING,
                    Scope.erased_at.is_(None),
                )
            )
            for pseudo, trial, staged in rows:
                found.setdefault(pseudo, []).append((trial, staged))
    staged_uids = {staged for several in found.values() for _, staged in several}
    original = vault.pseudonyms(STAGING).originals_of(Kind.UID, staged_uids, caller=caller, purpose=purpose)
    return {
        pseudo: [Way(trial, original[staged], staged) for trial, staged in several if staged in original]
        for pseudo, several in found.items()
    }


def made_here(datasets: Iterable[Dataset], known: Collection[str]) -> set[str]:
    """The UIDs that these objects give to something new, and to which they may refer among themselves."""
    return {
        uid
        for dataset in datasets
        for element in uid_elements(dataset)
        if element.keyword in MAKING
        for uid in values(element)
        if uid not in known
    }


def put_back(dataset: Dataset, trial: str, ways: Mapping[str, list[Way]], new: Collection[str]) -> list[str]:
    """Replace every pseudonym by its original, in place.

    Returns:
        The keywords of attributes with a UID that is neither known in ``trial``, nor new, nor the standard's; nothing
        of such an object may be used.
    """
    strange: list[str] = []
    for element in uid_elements(dataset):
        mapped: list[str] = []
        for uid in values(element):
            way = next((one for one in ways.get(uid, ()) if one.trial == trial), None)
            if way is not None:
                mapped.append(way.original)
            elif uid.startswith(STANDARD) or uid in new:
                mapped.append(uid)
            else:
                strange.append(element.keyword or str(element.tag))
        if len(mapped) == len(values(element)):
            element.value = mapped if len(mapped) > 1 else mapped[0]
    return sorted(set(strange))
