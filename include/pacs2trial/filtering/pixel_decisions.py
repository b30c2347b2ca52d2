"""What was decided about the pixels of an instance: found by the pixels themselves, so that nobody looks twice.

A decision is the site's and holds for every trial. What it says is done by stage 1 whenever the same pixels come under
the same instance: after a nightly refresh or a restore the same areas are blanked, and no text is looked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Final, Literal

from blake3 import blake3
from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial import __version__
from pacs2trial.dicomfile.encoding import EncodedObject
from pacs2trial.pixels.areas import Area
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Instance, PixelDecision

Outcome = Literal["clean", "wipe", "hold"]

_DESCRIBING: Final = (
    *(0x00280002, 0x00280004, 0x00280006, 0x00280008, 0x00280010, 0x00280011),
    *(0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00281201, 0x00281202, 0x00281203),
)
"""How samples lie and what colours they stand for; what may be written differently on the way is not among it."""

_PADDING: Final = b" \0"


@dataclass(frozen=True)
class Decided:
    """One decision, as rules ask for it; see :class:`pacs2trial.vault.tables.PixelDecision`."""

    pixels: str
    outcome: Outcome
    areas: tuple[Area, ...]
    reason: str
    detector: str
    decided_by: str
    result: str

    @property
    def lets_in(self) -> bool:
        return self.outcome != "hold"


def detector(settings: Settings) -> str:
    """What looks for text here: release, reader and policy. Where it changes, what was held is looked at again."""
    return f"pacs2trial {__version__}, rapidocr {metadata.version('rapidocr')}, doubtful {settings.doubtful_text}"


def pixels_of(vault: Vault, staged: EncodedObject) -> str:
    """The look-up value of the pixels of an object as stage 1 makes it, before anything is blanked.

    An object without pixels is known by all that it holds.
    """
    digest = blake3(staged.transfer_syntax.encode())
    for tag in _DESCRIBING:
        value = staged.value(tag).strip(_PADDING)
        digest.update(tag.to_bytes(4, "little") + len(value).to_bytes(8, "little") + value)
    digest.update(staged.pixel if len(staged.pixel) else staged.header)
    return vault.fingerprint(b"pixels" + digest.digest())


def decisions_about(session: Session, instance_ids: Sequence[int]) -> Mapping[int, Mapping[str, Decided]]:
    """The decisions about instances, by instance and pixels."""
    found: dict[int, dict[str, Decided]] = {}
    for batch in batches(instance_ids):
        for row in session.scalars(select(PixelDecision).where(PixelDecision.instance_id.in_(batch))):
            found.setdefault(row.instance_id, {})[row.pixels] = told(row)
    return found


def decided_about(vault: Vault, sop_instance: str) -> Mapping[str, Decided]:
    """The decisions about an instance, by its staging SOP Instance UID, by pixels."""
    query = (
        select(PixelDecision)
        .join(Instance, Instance.id == PixelDecision.instance_id)
        .where(Instance.sop_instance == sop_instance)
    )
    with vault.session(read_only=True) as session:
        return {row.pixels: told(row) for row in session.scalars(query)}


def told(row: PixelDecision) -> Decided:
    return Decided(
        pixels=row.pixels,
        outcome=_outcome(row.outcome),
        areas=tuple(Area(*area) for area in row.areas),
        reason=row.reason,
        detector=row.detector,
        decided_by=row.decided_by,
        result=row.result,
    )


def as_lists(areas: Sequence[Area]) -> list[list[int]]:
    """Areas as a table keeps them."""
    return [[one.left, one.top, one.width, one.height, one.first_frame, one.last_frame] for one in areas]


def _outcome(text: str) -> Outcome:
    match text:
        case "clean" | "wipe" | "hold":
            return text
        case _:
            raise ValueError(f"unknown outcome of a decision about pixels: {text}")
