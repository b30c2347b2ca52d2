"""What staged objects refer to, read from their files."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from sqlalchemy import select

from pacs2trial.errors import TransientError
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Instance, InstanceState, StagedVersion
from pacs2trial.workspace import Workspace

SELF_CONTAINED: Final = frozenset({"CT", "MR", "PT", "NM", "US", "CR", "DX", "MG", "XA"})
"""Modalities whose objects refer to their own study alone, so that thousands of slices need not be read."""

_REFERRING: Final = [
    "CurrentRequestedProcedureEvidenceSequence",
    "DeformableRegistrationSequence",
    "PertinentOtherEvidenceSequence",
    "PredecessorDocumentsSequence",
    "ReferencedDoseSequence",
    "ReferencedFrameOfReferenceSequence",
    "ReferencedImageSequence",
    "ReferencedInstanceSequence",
    "ReferencedRTPlanSequence",
    "ReferencedSeriesSequence",
    "ReferencedStructureSetSequence",
    "ReferencedStudySequence",
    "ReferencedTreatmentRecordSequence",
    "RegistrationSequence",
    "SourceImageSequence",
    "StudiesContainingOtherReferencedInstancesSequence",
]
"""Attributes of the outermost level that name other objects (PS3.3); contours and beams are not read."""


def referred(ws: Workspace, studies: Collection[str]) -> set[str]:
    """Every UID that objects of ``studies`` refer to: of studies, series and instances, by their staging pseudonyms.

    Raises:
        TransientError: a staged file cannot be read.
    """
    found: set[str] = set()
    for path in _paths(ws, studies):
        named = references(ws, path)
        if named is None:
            raise TransientError("a staged file is not there to be read for its references")
        found |= named
    return found


def references(ws: Workspace, path: str) -> set[str] | None:
    """Every UID that a staged object refers to, by staging pseudonyms; None if its file was cleaned up.

    Raises:
        TransientError: the file cannot be read.
    """
    try:
        content = dcmread(ws.settings.staging / path, specific_tags=list(_REFERRING), stop_before_pixels=True)
    except FileNotFoundError:
        return None
    except (OSError, InvalidDicomError) as error:
        raise TransientError(f"a staged file cannot be read for its references ({type(error).__name__})") from None
    return set(_uids(content))


def _paths(ws: Workspace, studies: Collection[str]) -> list[str]:
    paths: list[str] = []
    with ws.vault.session(read_only=True) as session:
        for batch in batches(sorted(studies)):
            query = (
                select(StagedVersion.path)
                .join(Instance, Instance.id == StagedVersion.instance_id)
                .where(
                    Instance.study.in_(batch),
                    Instance.state == InstanceState.STAGED,
                    Instance.modality.not_in(SELF_CONTAINED),
                    StagedVersion.current.is_(True),
                    StagedVersion.removed_at.is_(None),
                )
            )
            paths += session.scalars(query)
    return paths


def _uids(content: Dataset) -> Iterator[str]:
    for element in content:
        if element.VR == "SQ":
            for item in element.value:
                yield from _uids(item)
        elif element.VR == "UI" and not element.is_empty:
            yield from map(str, [element.value] if element.VM == 1 else element.value)


def studies_of(ws: Workspace, uids: Collection[str]) -> set[str]:
    """The studies of the ledger that ``uids`` name, or an instance of which they name."""
    found: set[str] = set()
    with ws.vault.session(read_only=True) as session:
        for batch in batches(sorted(uids)):
            by_either = Instance.sop_instance.in_(batch) | Instance.study.in_(batch)
            found |= set(session.scalars(select(Instance.study).where(by_either).distinct()))
    return found
