"""What tells of a package, compared with the package: inventories, DICOMDIR, conformance statement."""

from __future__ import annotations

import csv
import hashlib
import zipfile
from collections.abc import Iterator

from pacs2trial.errors import UnsafeObjectError
from pacs2trial.verify.dicom import DicomObject
from pacs2trial.verify.inventory import InventoryCheck
from pacs2trial.verify.manifest import Manifest
from pacs2trial.verify.zipfiles import DICOMDIR, FILES, MANIFEST, read_member

CONFORMANCE = "conformance.md"
_ALWAYS = FILES - {MANIFEST, DICOMDIR}


class FilesCheck:
    """Gathers what the objects of a package say, and compares it with the files beside them.

    Args:
        archive: the package.
        manifest: its manifest.

    Raises:
        UnsafeObjectError: the inventory is absent or cannot be read.
    """

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._archive, self._manifest = archive, manifest
        self._instances: dict[str, str] = {}
        try:
            self._inventory = InventoryCheck(archive, manifest)
        except (csv.Error, UnicodeDecodeError):
            raise UnsafeObjectError("damaged", "inventory.csv is no CSV that can be read") from None

    def take(self, name: str, found: DicomObject) -> None:
        """Note what one member says."""
        self._inventory.take(name, found)
        self._instances[name] = found.first("SOPInstanceUID")

    def differences(self) -> Iterator[str]:
        """Where a file does not say what the objects do, or is not the one in the manifest."""
        yield from self._wrong_bytes()
        yield from self._inventory.differences()
        if f"Digest of the rules: {self._manifest.rules}" not in self._statement():
            yield f"{CONFORMANCE}: is not about the rules that the manifest names"
        for listed in self._manifest.members:
            if self._instances.get(listed.name, listed.sop_instance) != listed.sop_instance:
                yield f"{listed.name}: its SOP Instance UID is not the one in the manifest"
        if any(file.name == DICOMDIR for file in self._manifest.files):
            yield from self._directory()

    def texts(self) -> dict[str, dict[str, str]]:
        """The texts of the inventory, by file and place."""
        return {"inventory.csv": self._inventory.texts()}

    def directory(self) -> DicomObject | None:
        """The DICOMDIR, if there is one."""
        listed = any(file.name == DICOMDIR for file in self._manifest.files)
        return DicomObject(read_member(self._archive, DICOMDIR)) if listed else None

    def statement_lines(self) -> dict[str, str]:
        """The conformance statement by its lines."""
        return {f"line {number}": line for number, line in enumerate(self._statement().splitlines(), 1)}

    def _statement(self) -> str:
        return read_member(self._archive, CONFORMANCE).decode("utf-8", "replace")

    def _wrong_bytes(self) -> Iterator[str]:
        listed = {file.name: (file.size, file.sha256) for file in self._manifest.files}
        for name in sorted(_ALWAYS - listed.keys()):
            yield f"{name}: not in the manifest"
        for name, right in listed.items():
            content = read_member(self._archive, name)
            if (len(content), hashlib.sha256(content).hexdigest()) != right:
                yield f"{name}: SHA-256 or size is not the one in the manifest"

    def _directory(self) -> Iterator[str]:
        """Where the records of the DICOMDIR do not name the members (PS3.3 F.3.2.2)."""
        found = self.directory()
        assert found is not None
        named: dict[str, str] = {}
        for element in found.elements:
            record, _dot, keyword = element.path.partition(".")
            if keyword == "ReferencedFileID":
                named["/".join(element.values())] = record
        of_record = {
            element.path.partition(".")[0]: element.text()
            for element in found.elements
            if element.path.endswith(".ReferencedSOPInstanceUIDInFile")
        }
        members = {listed.name: listed.sop_instance for listed in self._manifest.members}
        for name in sorted(named.keys() ^ members.keys()):
            yield f"{DICOMDIR}: {name} is {'no member' if name in named else 'not named'}"
        for name in sorted(named.keys() & members.keys()):
            if of_record.get(named[name]) != members[name]:
                yield f"{DICOMDIR}: {name} is another instance"
