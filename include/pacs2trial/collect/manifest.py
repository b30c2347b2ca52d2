"""``manifest.json``: what a package holds. A function of staged data, definition and key row alone (promise 6)."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pacs2trial.collect.archive import Member
from pacs2trial.collect.inventory import Row, row_of
from pacs2trial.deidentify import Deidentified
from pacs2trial.trials.definition import TrialDefinition

FORMAT = "pacs2trial manifest 1"
"""Named in the manifest; ``docs/manifest.schema.json`` describes it. Grows only with a new number."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one DICOM object tells of itself; all UIDs are the trial's pseudonyms. ``row`` is for the inventory."""

    study: str
    series: str
    sop_instance: str
    sop_class: str
    modality: str
    row: Row

    @classmethod
    def of(cls, made: Deidentified) -> Told:
        """What an object tells that stage 2 has made."""
        return cls(made.study, made.series, made.sop_instance, made.sop_class, made.modality, row_of(made))


@dataclass(frozen=True, slots=True)
class PackedObject:
    """One DICOM object as it stands in the package; ``row`` is that of the inventory with its file."""

    member: Member
    told: Told
    row: Row


def manifest_bytes(
    definition: TrialDefinition,
    subject_key: str,
    study: str,
    rules: str,
    objects: Sequence[PackedObject],
    files: Sequence[Member],
) -> bytes:
    """The manifest as UTF-8 JSON, the same bytes for the same content.

    Args:
        definition: the trial; its identifying texts go in.
        subject_key: whose package it is.
        study: the one study of a package per study, else empty.
        rules: digest of the trial's de-identification plan.
        objects: what the package holds, in the order of its members.
        files: what stands beside the objects, the manifest itself apart.
    """
    content: dict[str, Any] = {
        "format": FORMAT,
        "trial": definition.trial,
        "sponsor": definition.sponsor,
        "protocol": definition.protocol,
        "site": {"id": definition.site.id, "name": definition.site.name},
        "subject": subject_key,
        "rules": rules,
        "counts": _counts(objects),
        "series": _series(objects),
        "files": [asdict(member) for member in files],
        "members": [
            asdict(found.member) | {"sop_class": found.told.sop_class, "sop_instance": found.told.sop_instance}
            for found in objects
        ],
    }
    if study:
        content["study"] = study
    return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def content_digest(members: Iterable[Member]) -> str:
    """SHA-256 over the sorted lines ``<name> <SHA-256>``: what decides changed, delivered, restored."""
    lines = sorted(f"{member.name} {member.sha256}\n" for member in members)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _counts(objects: Sequence[PackedObject]) -> dict[str, Any]:
    return {
        "studies": len({found.told.study for found in objects}),
        "series": len({found.told.series for found in objects}),
        "instances": len(objects),
        "by_modality": dict(sorted(Counter(found.told.modality for found in objects).items())),
    }


def _series(objects: Sequence[PackedObject]) -> list[dict[str, Any]]:
    counted = Counter((found.told.study, found.told.series, found.told.modality) for found in objects)
    return [
        {"study": study, "series": series, "modality": modality, "instances": number}
        for (study, series, modality), number in sorted(counted.items())
    ]
