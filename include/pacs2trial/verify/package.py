"""Prove a package: read it back with other eyes than made it, compare it with staging, vault and ledger."""

from __future__ import annotations

import hashlib
import logging
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from blake3 import blake3

from pacs2trial.errors import InputError, ProofError, UnsafeObjectError
from pacs2trial.vault.tables import PackageRow, PackageState, Subject, now
from pacs2trial.verify.blanking import blanking_faults
from pacs2trial.verify.completeness import set_differences
from pacs2trial.verify.dates import Dates
from pacs2trial.verify.dicom import DicomObject
from pacs2trial.verify.files import CONFORMANCE, FilesCheck
from pacs2trial.verify.identifiers import Search
from pacs2trial.verify.links import Links
from pacs2trial.verify.manifest import Manifest, read_manifest
from pacs2trial.verify.origin import (
    Origin,
    Source,
    accepted_contents,
    lacking_modalities,
    origin_of,
    originals_of,
    survey,
    trial_uids,
)
from pacs2trial.verify.proof import Proof, proof
from pacs2trial.verify.receipt import has_receipt, write_receipt
from pacs2trial.verify.validity import PROGRAM, errors_of, installed
from pacs2trial.verify.zipfiles import DICOMDIR, MANIFEST, dangers, open_package, read_member
from pacs2trial.workspace import Workspace

_NOT_CHECKED = f"not checked: {PROGRAM} is not installed"
_log = logging.getLogger(__name__)

COMPLETENESS, IDENTIFIERS, LINKS, PIXELS, FILES, VALIDITY = ALL = (
    "completeness",
    "own identifiers",
    "links",
    "pixels",
    "files",
    "validity",
)


def verify_package(ws: Workspace, package_id: int) -> list[Proof]:
    """Prove one package and write its receipt; it may be delivered only after this.

    Under the lock of trial and subject. The package's state becomes *verified*, or *refused* when a proof fails. When
    the staged objects that it was made of were cleaned up since it was verified, its bytes are compared instead.

    Returns:
        The proofs, all passed.

    Raises:
        InputError: there is no such package.
        ProofError: at least one failed; the message says where, never what.
        TransientError: another process works on this subject.
    """
    origin = origin_of(ws, package_id)
    with ws.vault.lock(f"{origin.trial}/{origin.subject_key}"):
        with ws.packages.reading(origin.path) as path:
            stands = _proven_before(ws, origin, path)
            if stands:
                if not has_receipt(ws, origin.path):
                    write_receipt(ws, package_id, [stands], when=now().isoformat())
                return [stands]
            proofs = _proofs(ws, origin, path)
        passed = all(each.passed for each in proofs)
        state = PackageState.VERIFIED if passed else PackageState.REFUSED
        with ws.vault.session() as session:
            row = session.get_one(PackageRow, package_id)
            if row.state == PackageState.SUPERSEDED:
                raise InputError(f"package {package_id} is superseded; verify the version in force")
            row.state = state
        write_receipt(ws, package_id, proofs, when=now().isoformat())
    where = f"{origin.trial}/{Path(origin.path).name}"
    _log.info("%s: %s", where, ", ".join(f"{each.name} {'passed' if each.passed else 'FAILED'}" for each in proofs))
    if not passed:
        failed = [each for each in proofs if not each.passed]
        lines = [f"{each.name}: {finding}" for each in failed for finding in each.findings[:20]]
        raise ProofError("\n".join([f"{where} is refused", *lines]))
    return proofs


def _proven_before(ws: Workspace, origin: Origin, path: Path) -> Proof | None:
    """That a package was verified and has the same bytes still, and holds what the trial lets through.

    Where its staged objects were cleaned up since, they cannot be compared again, and need not be.
    """
    removed = any(source.removed for source in origin.sources.values())
    with ws.vault.session(read_only=True) as session:
        verified = session.get_one(PackageRow, origin.package_id).state == PackageState.VERIFIED
        accepted = accepted_contents(session, origin)
    if not verified or not path.is_file():
        return None
    if not removed and accepted != {source.content for source in origin.sources.values()}:
        return None
    with path.open("rb") as file:
        same = hashlib.file_digest(file, "sha256").hexdigest() == origin.sha256
    before = "before its staged objects were cleaned up" if removed else "before"
    remark = f"verified {before}; its bytes are the same"
    return Proof(COMPLETENESS, passed=True, findings=(remark,)) if same else None


def prove(ws: Workspace, origin: Origin) -> list[Proof]:
    """All proofs of a package, without recording them."""
    with ws.packages.reading(origin.path) as path:
        return _proofs(ws, origin, path)


def _proofs(ws: Workspace, origin: Origin, path: Path) -> list[Proof]:
    try:
        with open_package(path) as archive, path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != origin.sha256:
                return [Proof(COMPLETENESS, passed=False, findings=("the file is not the one that was collected",))]
            unsafe = dangers(archive)
            if unsafe:
                return [proof(COMPLETENESS, unsafe)]
            manifest = read_manifest(archive)
            return _Comparison(ws, origin, archive, manifest).proofs()
    except (UnsafeObjectError, InputError) as error:
        return [Proof(COMPLETENESS, passed=False, findings=(str(error),))]


class _Comparison:
    """One pass over the members, each beside the staged object that it was made of, one pair in memory at a time."""

    def __init__(self, ws: Workspace, origin: Origin, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._staging, self._pinned = ws.settings.staging, ws.vault.pinned
        self._origin, self._archive, self._manifest = origin, archive, manifest
        seen = survey(self._staging, origin.sources.values())
        originals = originals_of(ws, origin, seen)
        with ws.vault.session(read_only=True) as session:
            pseudonyms = trial_uids(session, origin.trial, seen.uids)
            self._accepted = accepted_contents(session, origin)
            person = session.get_one(Subject, origin.subject_id).person_id
            lacking = lacking_modalities(session, origin)
        self._dates = Dates(origin.definition, ws.vault.date_shift(person, origin.trial))
        self._search = Search(originals.own, frozenset(pseudonyms.values()), _constants(origin))
        profile = origin.definition.profile
        self._links = Links(pseudonyms, originals.staged_uids, frozenset(profile.options), profile.rules)
        self._found: dict[str, list[str]] = {name: [] for name in ALL}
        told = [f"{modality}: the trial requires it, the subject has none" for modality in lacking]
        require = origin.definition.filter.require
        holds = require is not None and require.otherwise == "hold"
        self._found[COMPLETENESS] += told if holds else []
        self._lacking = [] if holds else told
        if originals.nameless:
            self._found[IDENTIFIERS].append(
                f"{originals.nameless} objects came with a name that the vault does not hold; stage them again"
            )
        self._files = FilesCheck(archive, manifest)
        self._listed = {member.name: (member.size, member.sha256) for member in manifest.members}
        self._validator = installed()
        self._checked = 0
        self._must_validate = origin.definition.package.validity == "required"
        if self._must_validate and not self._validator:
            self._found[VALIDITY].append(f"{_NOT_CHECKED}, and the trial requires it (package.validity)")

    def proofs(self) -> list[Proof]:
        self._found[COMPLETENESS] += set_differences(self._archive, self._manifest, self._origin, self._accepted)
        self._found[IDENTIFIERS] += self._search.in_texts(MANIFEST, self._manifest.texts())
        self._found[IDENTIFIERS] += self._in_files()
        first = _first_of_series(sorted(self._origin.sources))
        names = set(self._archive.namelist())
        for name, source in sorted(self._origin.sources.items()):
            if name in names:
                self._compare(name, source, validate=name in first)
        self._found[FILES] += self._files.differences()
        return [proof(name, found, remarks=self._remarks(name)) for name, found in self._found.items()]

    def _in_files(self) -> Iterator[str]:
        """Findings in what stands beside the objects; the words of the statement are the standard's, no names."""
        for name, texts in self._files.texts().items():
            yield from self._search.in_texts(name, texts)
        yield from self._search.in_texts(CONFORMANCE, self._files.statement_lines(), names=False)
        directory = self._files.directory()
        if directory is not None:
            yield from self._search.in_object(DICOMDIR, directory)

    def _compare(self, name: str, source: Source, *, validate: bool) -> None:
        try:
            packed_bytes = read_member(self._archive, name)
            packed = DicomObject(packed_bytes)
        except UnsafeObjectError as error:
            self._found[COMPLETENESS].append(f"{name}: {error.detail}")
            return
        self._files.take(name, packed)
        path = self._staging / source.path
        staged_bytes = path.read_bytes()
        staged = DicomObject(staged_bytes)
        self._found[COMPLETENESS] += self._wrong_bytes(name, source, packed_bytes, staged_bytes)
        self._found[IDENTIFIERS] += self._search.in_object(name, packed)
        self._found[IDENTIFIERS] += self._dates.findings(name, staged, packed)
        self._found[LINKS] += self._links.differences(name, staged, packed)
        if source.mask:
            faults = blanking_faults(staged_bytes, packed_bytes, self._pinned(source.mask))
            self._found[PIXELS] += [f"{name}: {fault}" for fault in faults]
        elif staged.pixel_digest() != packed.pixel_digest():
            self._found[PIXELS].append(f"{name}: pixel data differ from the staged object's")
        if validate and self._validator:
            self._checked += 1
            new = errors_of(self._validator, packed_bytes) - errors_of(self._validator, path)
            self._found[VALIDITY] += [f"{name}: {error}" for error in sorted(new)]

    def _wrong_bytes(self, name: str, source: Source, packed: bytes, staged: bytes) -> Iterator[str]:
        sha256 = hashlib.sha256(packed).hexdigest()
        if sha256 != source.sha256:
            yield f"{name}: SHA-256 is not the one in the vault"
        if self._listed.get(name) != (len(packed), sha256):
            yield f"{name}: SHA-256 or size is not the one in the manifest"
        if blake3(staged).hexdigest() != source.digest:
            yield f"{name}: the staged object that it was made of has changed"

    def _remarks(self, name: str) -> list[str]:
        if name == COMPLETENESS:
            return self._lacking
        if name == LINKS:
            return self._links.remarks()
        if name != VALIDITY:
            return []
        if not self._validator:
            return [] if self._must_validate else [_NOT_CHECKED]
        return [f"{self._checked} of {len(self._origin.sources)} objects checked: the first of each series"]


def _first_of_series(names: Sequence[str]) -> set[str]:
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.rpartition("/")[0], name)
    return set(first.values())


def _constants(origin: Origin) -> list[str]:
    """Texts that the trial definition writes into every object; an LO holds 64 characters of them."""
    definition = origin.definition
    texts = (definition.trial, definition.title, definition.sponsor, definition.protocol, definition.site.id)
    return [text[:64].strip() for text in (*texts, definition.site.name, origin.subject_key)]
