"""From staged objects to one package file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pacs2trial.collect.archive import Archive
from pacs2trial.collect.beside import Beside
from pacs2trial.collect.inventory import with_member
from pacs2trial.collect.layout import MANIFEST, forget_beside
from pacs2trial.collect.manifest import PackedObject, Told, content_digest, manifest_bytes
from pacs2trial.collect.replacing import replacing
from pacs2trial.collect.stage2 import Addressed, Recipe, transform
from pacs2trial.collect.texts import Text, TextCount
from pacs2trial.collect.versions import Written
from pacs2trial.dicomfile.syntaxes import NATIVE
from pacs2trial.errors import HeldError
from pacs2trial.settings import Settings


class UnknownNamesError(HeldError):
    """Structures have names that the trial does not know; ``names`` are for people and stand in no message."""

    def __init__(self, names: Sequence[Text]) -> None:
        self.names = names
        super().__init__(f"{len(names)} names of structures are not known to the trial")


def write_package(
    settings: Settings, recipe: Recipe, study: str, members: Sequence[Addressed], said: str, folder: Path, path: str
) -> Written:
    """Stage 2 of ``members`` into the zip ``folder / path``: objects, then what tells of them, the manifest last.

    What of the objects is in memory at a time is bounded (:mod:`pacs2trial.collect.archive`). A receipt beside the file
    that speaks of other bytes is removed before they are replaced.

    Args:
        settings: of the site.
        recipe: of the subject.
        study: the one study of a package per study, else empty.
        members: in the order of their names.
        said: the conformance statement that goes with it.
        folder: below it stands the zip.
        path: of the zip.

    Raises:
        UnknownNamesError: a structure has a name that must be known before it may leave.
        PermanentError: a staged object cannot be used.
        TransientError: the disk refused; the earlier file, if any, stands unchanged.
    """
    target = folder / path
    count, beside, told = TextCount(), Beside(recipe.definition, said), list[Told]()
    with replacing(target, durable=settings.durable) as file:
        with Archive(file, recipe.definition.package.compression, target.parent) as archive:
            for item in members:
                made, parts = transform(recipe, settings.staging, item)
                count.add(made)
                beside.take(item.name, made)
                archive.add(item.name, parts, stored=made.transfer_syntax not in NATIVE)
                told.append(Told.of(made))
            unknown = count.unknown_names()
            if unknown:
                raise UnknownNamesError(unknown)
            objects = [
                PackedObject(member, each, with_member(each.row, member))
                for member, each in zip(archive.settle(), told, strict=True)
            ]
            files = archive.close_with(beside.files(objects))
            manifest = manifest_bytes(
                recipe.definition, recipe.values.subject_key, study, recipe.plan.digest, objects, files
            )
            files += archive.close_with([(MANIFEST, manifest)])
        forget_beside(target)
    return Written(
        path=path,
        size=archive.size,
        sha256=archive.sha256,
        content_digest=content_digest([*files, *(found.member for found in objects)]),
        digests={found.member.name: found.member.sha256 for found in objects},
        texts=count.texts(),
    )
