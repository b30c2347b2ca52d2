"""One object with its pixels looked at: what was found, what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from pacs2trial.deidentify.identifiers import OwnIdentifiers
from pacs2trial.dicomfile.encoding import EncodedObject, split_file
from pacs2trial.errors import UnsafeObjectError
from pacs2trial.filtering.pixel_decisions import Outcome, as_lists
from pacs2trial.pixels.areas import Area
from pacs2trial.pixels.image import image_of
from pacs2trial.redaction.redact import redact_file
from pacs2trial.settings import Settings
from pacs2trial.staging.store import digest_of
from pacs2trial.textdetection.find import find_text
from pacs2trial.textdetection.found import FoundText
from pacs2trial.textdetection.judge import Finding, JudgedText, JudgingPolicy, judge_text


@dataclass(frozen=True)
class Examined:
    """What became of an object, as a decision records it.

    Attributes:
        outcome: clean, wipe, hold.
        areas: that are, or would be, blanked.
        reason: of a hold, a short code.
        texts: every text and what it was taken for.
        file: the Part 10 file as it may be staged; empty where it is held.
    """

    outcome: Outcome
    areas: tuple[Area, ...]
    reason: str = ""
    texts: tuple[JudgedText, ...] = ()
    file: bytes = field(default=b"", repr=False)

    @property
    def result(self) -> str:
        """Digest of what may be staged; empty where it is held."""
        return digest_of([self.file]) if self.file else ""

    def evidence(self) -> bytes:
        """The texts as JSON, to be sealed: they may name the patient."""
        return json.dumps(
            [
                {
                    "area": as_lists([one.found.area])[0],
                    "text": one.found.text,
                    "confidence": round(float(one.found.confidence), 3),
                    "finding": one.finding.value,
                    "reason": one.reason,
                }
                for one in self.texts
            ]
        ).encode()


def examine(
    file: bytes, own: OwnIdentifiers, areas: Sequence[Area], settings: Settings, *, threads: int = 1
) -> Examined:
    """Look for text in an object as stage 1 makes it, and blank what identifies.

    Args:
        file: the Part 10 file, in memory.
        own: identifiers of the patient.
        areas: blanked whatever is found.
        settings: of the site, which says what becomes of doubtful text.
        threads: that read one picture.
    """
    try:
        staged = split_file(file)
        image = image_of(staged)
        if image is None:
            return Examined("hold", (), "no-pixels")
        rows, columns = image.description.rows, image.description.columns
        masked = tuple(sorted({part for area in areas if (part := area.within(columns, rows)) is not None}))
        seen = [one for one in find_text(staged, threads=threads) if not _covered(one, masked)]
        judged = judge_text(
            seen, own, columns=columns, rows=rows, policy=JudgingPolicy(doubtful=settings.doubtful_text)
        )
        if judged.outcome == "hold":
            return Examined("hold", judged.areas, judged.reason, judged.texts)
        blanked = tuple(sorted({*masked, *judged.areas}))
        made = redact_file(file, blanked)
        if blanked and (left := _left(split_file(made), own, blanked, threads)):
            return Examined("hold", blanked, "text-left", (*judged.texts, *left))
        return Examined("wipe" if blanked else "clean", blanked, "", judged.texts, made)
    except UnsafeObjectError as unsafe:
        return Examined("hold", (), unsafe.reason)


def masked_by_hand(file: bytes, areas: Sequence[Area]) -> Examined:
    """What a person decided: these areas are blanked, and nothing is looked for.

    Raises:
        UnsafeObjectError: the pixels cannot be decoded or blanked.
    """
    image = image_of(split_file(file))
    if image is None:
        return Examined("clean", (), file=file)
    rows, columns = image.description.rows, image.description.columns
    inside = tuple(sorted({part for area in areas if (part := area.within(columns, rows)) is not None}))
    return Examined("wipe" if inside else "clean", inside, file=redact_file(file, inside))


def _left(made: EncodedObject, own: OwnIdentifiers, blanked: Sequence[Area], threads: int) -> list[JudgedText]:
    """Text within what was blanked that still tells who the patient is; of a cine nobody looks a second time."""
    image = image_of(made)
    if image is None or image.description.frames > 1:
        return []
    seen = [one for one in find_text(made, threads=threads) if _covered(one, blanked)]
    judged = judge_text(seen, own, columns=image.description.columns, rows=image.description.rows)
    return [one for one in judged.texts if one.finding is Finding.IDENTIFIER]


def _covered(found: FoundText, areas: Sequence[Area]) -> bool:
    """Whether a text lies within one area that is blanked in all of its frames."""
    one = found.area
    return any(
        area.first_frame <= one.first_frame
        and (area.last_frame == 0 or 0 < one.last_frame <= area.last_frame)
        and area.left <= one.left
        and area.top <= one.top
        and one.right <= area.right
        and one.bottom <= area.bottom
        for area in areas
    )
