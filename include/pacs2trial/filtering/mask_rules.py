"""Masks that people of the site made: of this device and matrix always these areas. Versioned, audited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.filtering.masks import DeviceMask
from pacs2trial.filtering.pixel_decisions import as_lists
from pacs2trial.pixels.areas import Area
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import MaskRule

_LONGEST = 128


@dataclass(frozen=True)
class SiteMask:
    """A mask of the site in force; ``version`` counts all that were ever made."""

    version: int
    manufacturer: str
    model: str
    rows: int
    columns: int
    areas: tuple[Area, ...]
    reason: str
    made_at: datetime
    made_by: str


def site_masks(session: Session) -> Sequence[DeviceMask]:
    """The masks in force, as rules use them."""
    return [
        DeviceMask(one.manufacturer, one.model, one.rows, one.columns, one.areas, f"mask rule {one.version}")
        for one in _in_force(session)
    ]


def mask_rules(vault: Vault) -> list[SiteMask]:
    """The masks in force, oldest first."""
    with vault.session(read_only=True) as session:
        return _in_force(session)


def make_mask_rule(
    vault: Vault,
    *,
    manufacturer: str,
    model: str,
    rows: int,
    columns: int,
    areas: Sequence[Area],
    reason: str,
    actor: str,
) -> int:
    """Let these areas be wiped of every suspected image of a device and matrix from now on; returns the version.

    It takes the place of an earlier one for the same device and matrix; without areas it ends that one. What was
    decided before stays as it is.

    Raises:
        InputError: manufacturer, model, matrix, reason or person is not named, or there is nothing to end.
    """
    if not (manufacturer.strip() and model.strip() and rows > 0 and columns > 0):
        raise InputError("a mask rule needs manufacturer, model, rows and columns, as the object has them")
    if not reason.strip() or not actor.strip():
        raise InputError("a mask rule needs a reason and the name of the person who makes it")
    device = (manufacturer.strip()[:_LONGEST], model.strip()[:_LONGEST], rows, columns)
    with vault.session() as session:
        known = {(one.manufacturer, one.model, one.rows, one.columns) for one in _in_force(session)}
        if not areas and device not in known:
            raise InputError("there is no mask rule for this device and matrix")
        version = (session.scalar(select(func.max(MaskRule.version))) or 0) + 1
        row = MaskRule(
            version=version,
            manufacturer=device[0],
            model=device[1],
            rows=rows,
            columns=columns,
            areas=as_lists(areas),
            reason=reason,
            made_by=actor,
        )
        session.add(row)
        vault.audit.append(
            session,
            "mask-rule",
            actor=actor,
            target=f"{device[0]} {device[1]} {columns}x{rows}"[:200],
            reason=reason,
            version=version,
            areas=row.areas,
        )
    return version


def _in_force(session: Session) -> list[SiteMask]:
    newest: dict[tuple[str, str, int, int], MaskRule] = {}
    for row in session.scalars(select(MaskRule).order_by(MaskRule.version)):
        newest[row.manufacturer, row.model, row.rows, row.columns] = row
    return [
        SiteMask(
            row.version,
            row.manufacturer,
            row.model,
            row.rows,
            row.columns,
            tuple(Area(*area) for area in row.areas),
            row.reason,
            row.made_at,
            row.made_by,
        )
        for row in sorted(newest.values(), key=lambda row: row.version)
        if row.areas
    ]
