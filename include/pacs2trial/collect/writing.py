"""From staged objects to one package file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pacs2trial.collect.archive import Archive
from pacs2trial.collect.layout import MANIFEST, receipt_file
from pacs2trial.collect.manifest import PackedObject, content_digest, manifest_bytes
from pacs2trial.collect.replacing import replacing
from pacs2trial.collect.stage2 import Addressed, Recipe, transform
from pacs2trial.collect.texts import Text, TextCount
from pacs2trial.collect.versions import Written
from pacs2trial.errors import HeldError
from pacs2trial.settings import Settings


class UnknownNamesError(HeldError):
    """Structures have names that the trial does not know; ``names`` are for people and stand in no message."""

    def __init__(self, names: Sequence[Text]) -> None:
        self.names = names
        super().__init__(f"{len(names)} names of structures are not known to the trial")


def write_package(
    settings: Settings, recipe: Recipe, study: str, members: Sequence[Addressed], folder: Path, path: str
) -> Written:
    """Stage 2 of ``members`` into the zip ``folder / path``: one object in memory at a time, the manifest last.

    A receipt beside the file that speaks of other bytes is removed before they are replaced.

    Raises:
        UnknownNamesError: a structure has a name that must be known before it may leave.
        PermanentError: a staged object cannot be used.
        TransientError: the disk refused; the earlier file, if any, stands unchanged.
    """
    target = folder / path
    objects: list[PackedObject] = []
    count = TextCount()
    with replacing(target, durable=settings.durable) as file:
        with Archive(file, recipe.definition.package.compression) as archive:
            for item in members:
                made, parts = transform(recipe, settings.staging, item)
                count.add(made)
                member = archive.add(item.name, parts)
                objects.append(
                    PackedObject(member, made.study, made.series, made.sop_instance, made.sop_class, made.modality)
                )
            unknown = count.unknown_names()
            if unknown:
                raise UnknownNamesError(unknown)
            manifest = manifest_bytes(recipe.definition, recipe.values.subject_key, study, recipe.plan.digest, objects)
            described = archive.close_with(MANIFEST, manifest)
        file.flush()
        size = file.seek(0, 2)
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        receipt_file(target).unlink(missing_ok=True)
    return Written(
        path=path,
        size=size,
        sha256=sha256,
        content_digest=content_digest([described, *(found.member for found in objects)]),
        digests={found.member.name: found.member.sha256 for found in objects},
        texts=count.texts(),
    )
