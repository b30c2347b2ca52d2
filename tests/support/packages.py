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

import pyarrow as pa
import pyarrow.parquet as pq
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
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


COLUMNS = ("level", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "Modality", "member", "instances")


def inventory_rows(objects: dict[str, Dataset]) -> list[list[str]]:
    """An inventory of few columns: each series, and after it its objects."""
    rows: list[list[str]] = []
    by_series: dict[str, list[tuple[str, Dataset]]] = {}
    for name, dataset in sorted(objects.items()):
        by_series.setdefault(dataset.SeriesInstanceUID, []).append((name, dataset))
    for series, members in by_series.items():
        study, modality = members[0][1].StudyInstanceUID, members[0][1].Modality
        rows.append(["series", study, series, "", modality, "", str(len(members))])
        rows += [["instance", study, series, one.SOPInstanceUID, modality, name, "1"] for name, one in members]
    return rows


def _csv(objects: dict[str, Dataset]) -> bytes:
    return "".join(",".join(row) + "\r\n" for row in [COLUMNS, *inventory_rows(objects)]).encode()


def _parquet(objects: dict[str, Dataset]) -> bytes:
    file = io.BytesIO()
    columns = zip(*inventory_rows(objects), strict=True)
    pq.write_table(pa.table({name: list(column) for name, column in zip(COLUMNS, columns, strict=True)}), file)
    return file.getvalue()


@dataclass
class HandMade:
    """A package whose members, manifest and zip can be tampered with one by one before it is written."""

    members: dict[str, bytes] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

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
                    "sop_instance": str(objects[name].SOPInstanceUID),
                }
                for name, content in members.items()
            ],
        }
        made = cls(members, manifest)
        made.files = {
            "conformance.md": b"Digest of the rules: " + b"0" * 64,
            "inventory.csv": _csv(objects),
            "inventory.parquet": _parquet(objects),
        }
        made.list_files()
        return made

    def list_files(self) -> None:
        """Let the manifest speak of the files as they are now."""
        self.manifest["files"] = [
            {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in self.files.items()
        ]

    def write(self, path: Path) -> Path:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in (self.members | self.files).items():
                archive.writestr(name, content)
            archive.writestr("manifest.json", json.dumps(self.manifest))
        return path


def objects_of(package: Path) -> list[FileDataset]:
    """The DICOM objects of a package in the order of their names, whatever these are."""
    with zipfile.ZipFile(package) as archive:
        names = [name for name in archive.namelist() if name.startswith("DICOM/") or name.endswith(".dcm")]
        return [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in sorted(names)]


def rewrite(package: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Tamper with a package: each member becomes what ``change`` makes of it, or goes when that is None."""
    with zipfile.ZipFile(package) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(package, "w") as archive:
        for name, content in members.items():
            changed = change(name, content)
            if changed is not None:
                archive.writestr(name, changed)
