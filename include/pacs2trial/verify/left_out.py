"""What staging holds and a trial leaves out by its options, so that its links are not looked for in a package."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Final

from pacs2trial.trials.definition import Option

_NEEDS: Final = {
    "AcquisitionContextSequence": Option.CLEAN_STRUCTURED_CONTENT,
    "ContentSequence": Option.CLEAN_STRUCTURED_CONTENT,
    "GraphicAnnotationSequence": Option.CLEAN_GRAPHICS,
    "PrescriptionNotesSequence": Option.CLEAN_DESCRIPTORS,
    "RequestAttributesSequence": Option.CLEAN_DESCRIPTORS,
    "SpecimenPreparationSequence": Option.CLEAN_STRUCTURED_CONTENT,
    "WaveformAnnotationSequence": Option.CLEAN_STRUCTURED_CONTENT,
}
"""Sequences that the Basic Profile of PS3.15 takes away, and the option that keeps them cleaned."""

_KEY_OBJECTS: Final = "1.2.840.10008.5.1.4.1.1.88.59"
_PRIVATE: Final = re.compile(r"\([0-9A-F]{3}[13579BDF],[0-9A-F]{4}\)")
_NUMBER: Final = re.compile(r"\[\d+\]")
_CONTENT: Final = "ContentSequence["


def is_left_out(path: str, sop_class: str, options: Set[Option], kept: Set[str] = frozenset()) -> bool:
    """Whether the value at ``path`` may be absent from the package; ``kept`` are sequences that a rule keeps.

    A key object selection keeps what it refers to without any option. Within the content of a report, items may go
    that only name somebody or something; such an item takes the UID of its own observation along.
    """
    if _PRIVATE.search(path) and Option.RETAIN_SAFE_PRIVATE not in options:
        return True
    sequences = [part.partition("[")[0] for part in path.split(".")[:-1]]
    if "ContentSequence" in sequences and path.endswith(".ObservationUID"):
        return True
    return any(
        sequence in _NEEDS.keys() - kept
        and _NEEDS[sequence] not in options
        and not (sequence == "ContentSequence" and sop_class == _KEY_OBJECTS)
        for sequence in sequences
    )


def place(path: str) -> str:
    """``path`` for comparison: within the content of a report items have no number, because some before may be gone."""
    return _NUMBER.sub("", path) if _CONTENT in path else path
