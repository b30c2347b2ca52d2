"""A person lets a quarantined object into staging, as it is or with areas wiped; audited (promise 10)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from pacs2trial.clearance.examined import masked_by_hand
from pacs2trial.clearance.recording import mark, record
from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import InputError, NotAvailableError, PermanentError, UnsafeObjectError
from pacs2trial.filtering.decisions import require_waiting
from pacs2trial.filtering.mask_rules import make_mask_rule
from pacs2trial.filtering.pixel_decisions import as_lists, pixels_of
from pacs2trial.filtering.site_rules import SEEN_RULES, obstacle
from pacs2trial.intake.made import made_of
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.pixels.areas import Area
from pacs2trial.staging import quarantine
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.tables import Instance, InstanceState, QuarantineItem
from pacs2trial.workspace import Workspace

CALLER: Final = "quarantine"


@dataclass(frozen=True)
class Device:
    """What a mask rule is about: the device and the matrix of an object."""

    manufacturer: str
    model: str
    rows: int
    columns: int


def release(
    ws: Workspace, token: str, reason: str, actor: str, *, areas: Sequence[Area] = (), always: bool = False
) -> None:
    """Let an object into staging after a person has looked at it; the areas are wiped in every frame that they name.

    The decision is kept: the same pixels of this instance are let in the same way whenever they come again.

    Args:
        ws: the site.
        token: the object, as the list of quarantined objects names it.
        reason: why, in the person's words; goes to the audit table only.
        actor: who decided.
        areas: what is wiped; nothing where the picture shows nobody's name.
        always: the same areas are wiped from now on of every suspected image of this device and matrix.

    Raises:
        InputError: no such object, it does not wait, the reason is empty; or ``always`` without areas or device.
        NotAvailableError: nobody can settle by looking why it waits: what cannot be read, documents, speech, video.
        PermanentError: stage 1 does not take it.
        TransientError: disk or vault failed; releasing it again goes on.
    """
    require_waiting(ws, token, reason, actor)
    if always and not areas:
        raise InputError("a rule for the device needs areas: give --mask with --always")
    instance, facts = _waiting(ws, token)
    data = quarantine.read(ws, token, caller=CALLER, purpose=f"released by {actor}")
    try:
        made = made_of(ws, data)
        examined = masked_by_hand(made.file, areas)
    except UnsafeObjectError as unsafe:
        raise NotAvailableError(f"{token} cannot be released: {unsafe.detail}; reject or discard it") from None
    if areas and not examined.areas:
        raise InputError("the areas lie outside of the picture; pacs2trial quarantine --show tells its size")
    pixels = pixels_of(ws.vault, split_file(made.file))
    if always:
        device = device_of(facts)
        make_mask_rule(
            ws.vault,
            manufacturer=device.manufacturer,
            model=device.model,
            rows=device.rows,
            columns=device.columns,
            areas=examined.areas,
            reason=reason,
            actor=actor,
        )
    with ws.vault.session() as session:
        act = "quarantine-mask" if examined.areas else "quarantine-release"
        ws.vault.audit.append(
            session, act, actor=actor, target=token, reason=reason, areas=as_lists(examined.areas), always=always
        )
        record(session, ws, instance.id, pixels, examined, rule="a person", actor=actor)
        mark(session, token, pixels)
    staged = stage_part10(ws, data, source=instance.source)
    if staged.outcome is not InstanceState.STAGED:
        raise PermanentError(f"{token} was released, and stage 1 does not take it: {staged.reason}")


def device_of(facts: Mapping[str, Any]) -> Device:
    """Device and matrix of an object, by its facts, as a mask rule names them."""
    return Device(
        str(facts.get("manufacturer") or "").strip(),
        str(facts.get("model") or "").strip(),
        int(facts.get("rows") or 0),
        int(facts.get("columns") or 0),
    )


def facts_of(ws: Workspace, token: str, *, purpose: str) -> Mapping[str, Any]:
    """The filter facts of a quarantined object; empty where it could not be read."""
    with ws.vault.session(read_only=True) as session:
        query = (
            select(Instance.facts_sealed)
            .join(QuarantineItem, QuarantineItem.instance_id == Instance.id)
            .where(QuarantineItem.token == token)
        )
        sealed = session.scalars(query).first()
    if sealed is None:
        return {}
    facts: dict[str, Any] = json.loads(ws.vault.unseal(STAGING, sealed, caller=CALLER, purpose=purpose))
    return facts


def _waiting(ws: Workspace, token: str) -> tuple[Instance, Mapping[str, Any]]:
    """The instance of an object that a person may let in, and its facts."""
    with ws.vault.session(read_only=True) as session:
        item = session.scalars(select(QuarantineItem).where(QuarantineItem.token == token)).one()
        instance = session.get(Instance, item.instance_id) if item.instance_id else None
    facts: Mapping[str, Any] = {}
    stays = item.reason
    if instance is not None and item.reason in SEEN_RULES:
        facts = facts_of(ws, token, purpose="rules of the site")
        stays = obstacle(facts, SEEN_RULES) if facts else item.reason
    if instance is None or stays:
        raise NotAvailableError(
            f"{token} waits because of {stays}, which nobody can settle by looking at the picture: reject or discard it"
        )
    return instance, facts
