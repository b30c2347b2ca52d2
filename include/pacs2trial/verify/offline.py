"""``pacs2trial verify PACKAGE.zip``: what can be proven of a package by who has nothing but the package."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pacs2trial.errors import UnsafeObjectError
from pacs2trial.verify.dicom import DicomObject
from pacs2trial.verify.files import FilesCheck
from pacs2trial.verify.manifest import Listed, Manifest, miscounts, read_manifest
from pacs2trial.verify.proof import Proof, proof
from pacs2trial.verify.zipfiles import DICOMDIR, MANIFEST, dangers, open_package, read_member

_REFERENCE = "ReferencedSOPInstanceUID"


def verify_file(path: Path) -> list[Proof]:
    """Prove a package without vault or staging.

    Safe to unpack, as its manifest says, readable, of one subject, linked; what tells of it agrees with its objects.

    What cannot be reached because an earlier proof failed is left out.

    Raises:
        InputError: there is no such file, or it is no zip.
    """
    with open_package(path) as archive:
        safety = proof("zip", dangers(archive))
        if not safety.passed:
            return [safety]
        try:
            manifest = read_manifest(archive)
        except UnsafeObjectError as error:
            return [safety, Proof("manifest", passed=False, findings=(error.detail,))]
        try:
            files = FilesCheck(archive, manifest)
        except UnsafeObjectError as error:
            return [safety, Proof("files", passed=False, findings=(error.detail,))]
        return [safety, *_Reading(archive, manifest, files).proofs()]


@dataclass
class _Reading:
    """One pass over the members, one in memory at a time."""

    archive: zipfile.ZipFile
    manifest: Manifest
    files: FilesCheck
    _classes: dict[str, str] = field(default_factory=dict)  # SOP class by SOP instance
    _studies: dict[str, str] = field(default_factory=dict)  # study by series
    _references: list[tuple[str, str, str, str]] = field(default_factory=list)  # member, path, instance, class

    def proofs(self) -> list[Proof]:
        agreement = list(self._sets())
        readable: list[str] = []
        identity: list[str] = []
        links: list[str] = []
        for listed in self.manifest.members:
            if listed.name not in self.archive.NameToInfo:
                continue
            try:
                content = read_member(self.archive, listed.name)
                agreement += self._bytes(listed, content)
                found = DicomObject(content)
            except UnsafeObjectError as error:
                readable.append(f"{listed.name}: {error.detail}")
                continue
            identity += self._identity(listed.name, found)
            links += self._place(listed.name, found)
            self._note_references(listed.name, found)
            self.files.take(listed.name, found)
        links += self._wrong_classes()
        outside = sum(instance not in self._classes for _name, _path, instance, _class in self._references)
        remarks = [f"{outside} references to objects that are not in the package, as in the source"] if outside else []
        return [
            proof("manifest", agreement),
            proof("readable", readable),
            proof("identity", identity),
            proof("links", links, remarks=remarks),
            proof("files", self._files()),
        ]

    def _files(self) -> Iterator[str]:
        try:
            yield from self.files.differences()
        except UnsafeObjectError as error:
            yield error.detail

    def _sets(self) -> Iterator[str]:
        beside = {MANIFEST, *(file.name for file in self.manifest.files)}
        packed = [name for name in self.archive.namelist() if name not in beside]
        listed = [member.name for member in self.manifest.members]
        if len(listed) != len(set(listed)):
            yield f"{MANIFEST}: a member is listed twice"
        for name in sorted(set(packed) ^ set(listed)):
            yield f"{name}: {'not in the manifest' if name in packed else 'in the manifest, not in the zip'}"
        yield from miscounts(self.manifest)

    @staticmethod
    def _bytes(listed: Listed, content: bytes) -> Iterator[str]:
        if (listed.size, listed.sha256) != (len(content), hashlib.sha256(content).hexdigest()):
            yield f"{listed.name}: SHA-256 or size is not the one in the manifest"

    def _identity(self, name: str, found: DicomObject) -> Iterator[str]:
        for keyword in ("PatientID", "PatientName", "ClinicalTrialSubjectID"):
            if found.first(keyword) != self.manifest.subject:
                yield f"{name}: {keyword} is not the subject key"
        if found.first("PatientIdentityRemoved") != "YES":
            yield f"{name}: PatientIdentityRemoved is not YES"
        if found.first("preamble"):
            yield f"{name}: the preamble is not empty"

    def _place(self, name: str, found: DicomObject) -> Iterator[str]:
        study, series, instance = (
            found.first(keyword) for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        )
        on_medium = any(file.name == DICOMDIR for file in self.manifest.files)
        if not on_medium and name != f"{self.manifest.subject}/{study}/{series}/{instance}.dcm":
            yield f"{name}: does not stand where its UIDs say"
        if found.first("MediaStorageSOPInstanceUID") != instance:
            yield f"{name}: MediaStorageSOPInstanceUID is not its SOP Instance UID"
        if self._studies.setdefault(series, study) != study:
            yield f"{name}: its series stands in two studies"
        if instance in self._classes:
            yield f"{name}: another member has the same SOP Instance UID"
        self._classes[instance] = found.first("SOPClassUID")

    def _note_references(self, name: str, found: DicomObject) -> None:
        texts = {element.path: element.text() for element in found.elements if element.vr == "UI"}
        for path, instance in texts.items():
            prefix, _dot, keyword = path.rpartition(".")
            if keyword == _REFERENCE and prefix:
                self._references.append((name, path, instance, texts.get(f"{prefix}.ReferencedSOPClassUID", "")))

    def _wrong_classes(self) -> Iterator[str]:
        for name, path, instance, sop_class in self._references:
            if sop_class and self._classes.get(instance, sop_class) != sop_class:
                yield f"{name}: {path} names another SOP class than the object has"
