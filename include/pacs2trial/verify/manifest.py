"""``manifest.json`` as a receiver of the package would read it (docs/manifest.schema.json)."""

from __future__ import annotations

import hashlib
import zipfile
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pacs2trial.errors import UnsafeObjectError
from pacs2trial.verify.zipfiles import MANIFEST, read_member

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Uid = Annotated[str, Field(pattern=r"^[0-9.]{1,64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Site(_Part):
    id: str
    name: str


class Counts(_Part):
    studies: int
    series: int
    instances: int
    by_modality: dict[str, int]


class Series(_Part):
    study: _Uid
    series: _Uid
    modality: str
    instances: int


class Listed(_Part):
    """A DICOM member: size in bytes, SHA-256 of the whole file."""

    name: str
    size: int
    sha256: _Digest
    sop_class: _Uid
    sop_instance: _Uid


class File(_Part):
    """A member that is no DICOM object."""

    name: str
    size: int
    sha256: _Digest


class Manifest(_Part):
    """The whole manifest of one package."""

    format: Literal["pacs2trial manifest 1"]
    trial: str
    sponsor: str
    protocol: str
    site: Site
    subject: str
    study: _Uid | None = None
    rules: _Digest
    counts: Counts
    series: tuple[Series, ...]
    files: tuple[File, ...]
    members: tuple[Listed, ...]

    def texts(self) -> dict[str, str]:
        """The free texts, by their place: where an identifier could stand."""
        return {
            "trial": self.trial,
            "sponsor": self.sponsor,
            "protocol": self.protocol,
            "site.id": self.site.id,
            "site.name": self.site.name,
            "subject": self.subject,
            "counts.by_modality": " ".join(self.counts.by_modality),
        }


def read_manifest(archive: zipfile.ZipFile) -> Manifest:
    """The manifest of an open package.

    Raises:
        UnsafeObjectError: it is absent, damaged, or not what the schema says; the places are named.
    """
    try:
        return Manifest.model_validate_json(read_member(archive, MANIFEST))
    except ValidationError as error:
        places = "; ".join(".".join(map(str, each["loc"])) or "the whole" for each in error.errors()[:10])
        raise UnsafeObjectError("bad-manifest", f"{MANIFEST}: {places} is not as the schema says") from None


def content_digest(archive: zipfile.ZipFile, manifest: Manifest) -> str:
    """The content digest as the manifest's members and the manifest itself give it."""
    lines = [f"{member.name} {member.sha256}\n" for member in manifest.members]
    lines += [f"{file.name} {file.sha256}\n" for file in manifest.files]
    lines.append(f"{MANIFEST} {hashlib.sha256(read_member(archive, MANIFEST)).hexdigest()}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def miscounts(manifest: Manifest) -> list[str]:
    """Where the manifest's own sums do not agree with its lists."""
    counts = manifest.counts
    by_modality: dict[str, int] = {}
    for series in manifest.series:
        by_modality[series.modality] = by_modality.get(series.modality, 0) + series.instances
    checks = {
        "counts.instances": counts.instances
        == len(manifest.members)
        == sum(each.instances for each in manifest.series),
        "counts.series": counts.series == len({each.series for each in manifest.series}),
        "counts.studies": counts.studies == len({each.study for each in manifest.series}),
        "counts.by_modality": counts.by_modality == by_modality,
    }
    return [f"{MANIFEST}: {place} does not agree with the members" for place, right in checks.items() if not right]
