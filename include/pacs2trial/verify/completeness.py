"""Proof "completeness": zip, manifest, vault and ledger speak of the same objects, and each is what it was."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Set

from pacs2trial.verify.manifest import Manifest, content_digest, miscounts
from pacs2trial.verify.origin import Origin
from pacs2trial.verify.zipfiles import MANIFEST


def set_differences(
    archive: zipfile.ZipFile, manifest: Manifest, origin: Origin, accepted: Set[tuple[int, str]]
) -> Iterator[str]:
    """Where zip, manifest, vault and ledger do not name the same members."""
    beside = {MANIFEST, *(file.name for file in manifest.files)}
    packed = {name for name in archive.namelist() if name not in beside}
    listed = {member.name for member in manifest.members}
    recorded = set(origin.sources)
    for name in sorted(packed ^ listed):
        yield f"{name}: {'not in the manifest' if name in packed else 'in the manifest, not in the zip'}"
    for name in sorted(packed ^ recorded):
        yield f"{name}: {'not in the vault' if name in packed else 'in the vault, not in the zip'}"
    contents = {source.content: name for name, source in origin.sources.items()}
    missing = len(accepted - contents.keys())
    if missing:
        yield f"ledger: {missing} accepted objects are not in the package; collect again"
    for content in sorted(contents.keys() - accepted):
        yield f"{contents[content]}: not accepted any more, or staged anew; collect again"
    yield from miscounts(manifest)
    yield from _wrong_header(manifest, origin)
    if content_digest(archive, manifest) != origin.content_digest:
        yield f"{MANIFEST}: its content digest is not the one in the vault"


def _wrong_header(manifest: Manifest, origin: Origin) -> Iterator[str]:
    rules = origin.inputs["decides"]["rules"]
    expected = {
        "trial": (manifest.trial, origin.trial),
        "subject": (manifest.subject, origin.subject_key),
        "study": (manifest.study or "", origin.study),
        "rules": (manifest.rules, rules),
    }
    for place, (found, right) in expected.items():
        if found != right:
            yield f"{MANIFEST}: {place} is not the one in the vault"
