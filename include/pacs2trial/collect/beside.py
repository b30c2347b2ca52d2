"""What stands in a package beside its objects and tells of them: DICOMDIR, conformance statement, inventory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pacs2trial.collect.dicomdir import Directory
from pacs2trial.collect.inventory import all_rows, lines
from pacs2trial.collect.layout import CONFORMANCE, DICOMDIR
from pacs2trial.collect.manifest import PackedObject
from pacs2trial.deidentify import Deidentified
from pacs2trial.trials.definition import TrialDefinition


class Beside:
    """Gathers what is told of the objects of one package while they are made.

    Args:
        definition: of the trial.
        said: its conformance statement.
    """

    def __init__(self, definition: TrialDefinition, said: str) -> None:
        self._said = said
        self._directory = Directory() if definition.package.dicomdir else None

    def take(self, name: str, made: Deidentified) -> None:
        """Note one object and its name in the package.

        Raises:
            PermanentError: a DICOMDIR was asked for, and has no place for such an object.
        """
        if self._directory is not None:
            self._directory.add(name, made)

    def files(self, objects: Sequence[PackedObject]) -> list[tuple[str, bytes]]:
        """Name and content of each file, sorted by name as the shell does, DICOMDIR first."""
        return list(self._files(objects))

    def _files(self, objects: Sequence[PackedObject]) -> Iterator[tuple[str, bytes]]:
        if self._directory is not None:
            yield DICOMDIR, self._directory.encoded()
        yield CONFORMANCE, self._said.encode()
        yield from lines(all_rows(found.row for found in objects))
