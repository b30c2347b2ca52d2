"""What a trial requires of a subject and what of it is not there: modalities, and objects that others refer to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.errors import TransientError
from pacs2trial.staging.versions import is_used
from pacs2trial.trials.filter import Link, Require
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Instance, StagedVersion, TrialInstance
from pacs2trial.workspace import Workspace

_REFERENCES = {
    "RTPLAN": ("ReferencedStructureSetSequence",),
    "RTDOSE": ("ReferencedRTPlanSequence",),
    "RTSTRUCT": ("ReferencedFrameOfReferenceSequence",),
}
"""By modality, the sequences in which radiotherapy objects name others (PS3.3 C.8.8.3, C.8.8.5, C.8.8.13)."""


@dataclass(frozen=True)
class Gap:
    """Something required that is not there: how often, and the instances that lack it (all, where one is not named)."""

    gap: str
    number: int
    instances: frozenset[int]


@dataclass(frozen=True)
class _Present:
    """An instance that was let through, and the instances that it names; None while its file is cleaned up."""

    instance_id: int
    modality: str
    sop_instance: str
    names: frozenset[str] | None


def gaps(ws: Workspace, trial: str, require: Require, let_through: Collection[int]) -> list[Gap]:
    """What is required and is not among the instances that were let through.

    Raises:
        TransientError: a staged file cannot be read.
    """
    with ws.vault.session(read_only=True) as session:
        rows = list(_rows(session, trial, sorted(let_through)))
    asked = {modality for link in require.links for modality in _CONCERNED[link]}
    present = [
        _Present(instance_id, modality, uid, _named(ws, path, modality) if modality in asked else frozenset())
        for instance_id, modality, uid, path in rows
    ]
    everything = frozenset(let_through)
    there = {one.modality for one in present}
    lacking = [Gap(f"no {modality}", 1, everything) for modality in require.modalities if modality not in there]
    for link in require.links:
        if any(one.names is None for one in present if one.modality in _CONCERNED[link]):
            continue  # restore makes what was complete when it was cleaned up
        found = dict(_MISSING[link](present))
        if found:
            lacking.append(Gap(_WORDS[link], sum(found.values()), frozenset(found)))
    return lacking


def _rows(session: Session, trial: str, instance_ids: Sequence[int]) -> Iterator[tuple[int, str, str, str]]:
    for batch in batches(instance_ids):
        query = (
            select(Instance.id, Instance.modality, Instance.sop_instance, StagedVersion.path)
            .join(TrialInstance, (TrialInstance.instance_id == Instance.id) & (TrialInstance.trial == trial))
            .join(StagedVersion, (StagedVersion.instance_id == Instance.id) & is_used())
            .where(Instance.id.in_(batch))
        )
        for row in session.execute(query):
            yield row.id, row.modality, row.sop_instance, row.path


def _named(ws: Workspace, path: str, modality: str) -> frozenset[str] | None:
    """SOP Instance UIDs that a staged object names, less those of studies; None if its file was cleaned up."""
    try:
        content = dcmread(
            ws.settings.staging / path, specific_tags=list(_REFERENCES[modality]), stop_before_pixels=True
        )
    except FileNotFoundError:
        return None
    except (OSError, InvalidDicomError) as error:
        raise TransientError(f"a staged file cannot be read for its references ({type(error).__name__})") from None
    return frozenset(_uids(content))


def _uids(content: Dataset) -> Iterator[str]:
    for element in content:
        if element.VR == "SQ" and element.keyword != "RTReferencedStudySequence":
            for item in element.value:
                yield from _uids(item)
        elif element.VR == "SQ":
            for study in element.value:
                for series in study.get("RTReferencedSeriesSequence") or ():
                    yield from _uids(series)
        elif element.keyword == "ReferencedSOPInstanceUID":
            yield str(element.value)


def _without_reference_to(asking: str, named: str) -> Callable[[Iterable[_Present]], Iterator[tuple[int, int]]]:
    """Instances of one modality that name something which is not among those of another; how much of it."""

    def missing(present: Iterable[_Present]) -> Iterator[tuple[int, int]]:
        all_of_them = list(present)
        there = {one.sop_instance for one in all_of_them if not named or one.modality == named}
        for one in all_of_them:
            if one.modality != asking or one.names is None:
                continue
            absent = len(one.names - there) if one.names else int(bool(named))
            if absent:
                yield one.instance_id, absent

    return missing


def _unnamed_by(asked: str, naming: str) -> Callable[[Iterable[_Present]], Iterator[tuple[int, int]]]:
    """Instances of one modality that none of another names."""

    def missing(present: Iterable[_Present]) -> Iterator[tuple[int, int]]:
        all_of_them = list(present)
        named = {uid for one in all_of_them if one.modality == naming for uid in one.names or ()}
        for one in all_of_them:
            if one.modality == asked and one.sop_instance not in named:
                yield one.instance_id, 1

    return missing


_MISSING: Mapping[Link, Callable[[Iterable[_Present]], Iterator[tuple[int, int]]]] = {
    Link.PLAN_DOSE: _unnamed_by("RTPLAN", "RTDOSE"),
    Link.PLAN_STRUCTURES: _without_reference_to("RTPLAN", "RTSTRUCT"),
    Link.DOSE_PLAN: _without_reference_to("RTDOSE", "RTPLAN"),
    Link.STRUCTURES_IMAGES: _without_reference_to("RTSTRUCT", ""),
}
_CONCERNED = {
    Link.PLAN_DOSE: ("RTDOSE",),
    Link.PLAN_STRUCTURES: ("RTPLAN",),
    Link.DOSE_PLAN: ("RTDOSE",),
    Link.STRUCTURES_IMAGES: ("RTSTRUCT",),
}
_WORDS = {
    Link.PLAN_DOSE: "plan without dose",
    Link.PLAN_STRUCTURES: "structure set that a plan names",
    Link.DOSE_PLAN: "plan that a dose names",
    Link.STRUCTURES_IMAGES: "image that a structure set names",
}
