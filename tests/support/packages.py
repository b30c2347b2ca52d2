"""Packages written by hand, apart from the product, and changed on purpose."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage

SUBJECT = "LA-001"
STUDY, CT_SERIES, RT_SERIES, FRAME = "2.25.100", "2.25.110", "2.25.120", "2.25.130"


def plain_object(sop_class: str, series: str, instance: str) -> Dataset:
    """A small object as stage 2 would leave it."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = instance
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, instance
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = STUDY, series, FRAME
    dataset.Modality = "CT" if sop_class == CTImageStorage else "RTSTRUCT"
    dataset.PatientID = dataset.PatientName = dataset.ClinicalTrialSubjectID = SUBJECT
    dataset.PatientIdentityRemoved = "YES"
    return dataset


def plain_objects() -> dict[str, Dataset]:
    """Two CT slices and a structure set that refers to both, by member name."""
    slices = [plain_object(CTImageStorage, CT_SERIES, f"2.25.11{number}") for number in (1, 2)]
    for each in slices:
        each.Rows = each.Columns = 2
        each.BitsAllocated = each.BitsStored = 16
        each.PixelData = b"\1\2" * 4
    structures = plain_object(RTStructureSetStorage, RT_SERIES, "2.25.121")
    structures.ContourImageSequence = Sequence()
    for each in slices:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, each.SOPInstanceUID
        structures.ContourImageSequence.append(item)
    return {member_name(each): each for each in (*slices, structures)}


def member_name(dataset: Dataset) -> str:
    uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    return "/".join((SUBJECT, *uids)) + ".dcm"


def encoded(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


@dataclass
class HandMade:
    """A package whose members, manifest and zip can be tampered with one by one before it is written."""

    members: dict[str, bytes] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, objects: dict[str, Dataset]) -> HandMade:
        members = {name: encoded(dataset) for name, dataset in sorted(objects.items())}
        modalities = [dataset.Modality for dataset in objects.values()]
        series: dict[tuple[str, str, str], int] = {}
        for each in objects.values():
            key = (each.StudyInstanceUID, each.SeriesInstanceUID, each.Modality)
            series[key] = series.get(key, 0) + 1
        manifest = {
            "format": "pacs2trial manifest 1",
            "trial": "LUNGART",
            "sponsor": "A sponsor",
            "protocol": "P1",
            "site": {"id": "UK01", "name": "A site"},
            "subject": SUBJECT,
            "rules": "0" * 64,
            "counts": {
                "studies": len({key[0] for key in series}),
                "series": len(series),
                "instances": len(objects),
                "by_modality": {name: modalities.count(name) for name in sorted(set(modalities))},
            },
            "series": [
                {"study": study, "series": uid, "modality": modality, "instances": number}
                for (study, uid, modality), number in sorted(series.items())
            ],
            "members": [
                {
                    "name": name,
                    "size": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "sop_class": str(objects[name].SOPClassUID),
                }
                for name, content in members.items()
            ],
        }
        return cls(members, manifest)

    def write(self, path: Path) -> Path:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in self.members.items():
                archive.writestr(name, content)
            archive.writestr("manifest.json", json.dumps(self.manifest))
        return path


def rewrite(package: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Tamper with a package: each member becomes what ``change`` makes of it, or goes when that is None."""
    with zipfile.ZipFile(package) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(package, "w") as archive:
        for name, content in members.items():
            changed = change(name, content)
            if changed is not None:
                archive.writestr(name, changed)
