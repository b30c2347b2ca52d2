"""A person releases, masks, or makes a rule of it; what was found is shown from memory."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from sqlalchemy import select

from pacs2trial.clearance.decisions import release
from pacs2trial.clearance.evidence import evidence, picture
from pacs2trial.errors import InputError, NotAvailableError
from pacs2trial.filtering.decisions import reject
from pacs2trial.filtering.mask_rules import mask_rules
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.pixels.areas import Area
from pacs2trial.settings import Settings
from pacs2trial.staging import quarantine
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import AuditEntry, Disclosure, Instance, InstanceState, PixelDecision, StagedVersion
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.identities import LUCZYNSKA
from support.hospital import SECOND_DAY

TOP = Area(0, 0, 640, 80)


@pytest.fixture
def ws(vault_settings: Settings, vault: Vault) -> Workspace:
    """A site on each kind of database."""
    return Workspace.open(vault_settings)


@pytest.fixture
def token(ws: Workspace) -> str:
    return bring(ws)


def original() -> bytes:
    (image,) = study(LUCZYNSKA, when=SECOND_DAY, parts={"US"}, slices=1, matrix=32)
    return part10(image)


def bring(ws: Workspace) -> str:
    assert stage_part10(ws, original(), source="file").outcome is InstanceState.QUARANTINED
    (item,) = quarantine.items(ws)
    return item.token


def staged(ws: Workspace) -> bytes:
    with ws.vault.session(read_only=True) as session:
        return (ws.settings.staging / session.scalars(select(StagedVersion.path)).one()).read_bytes()


def test_a_person_s_mask_is_wiped_and_the_object_released(ws: Workspace, token: str) -> None:
    release(ws, token, "name on top", "ann", areas=[TOP])
    after = dcmread(io.BytesIO(staged(ws)))
    assert not after.pixel_array[:80].any()
    before = dcmread(io.BytesIO(original())).pixel_array
    assert np.array_equal(before[80:], after.pixel_array[80:])
    assert [item.CodeValue for item in after.DeidentificationMethodCodeSequence] == ["113101"]
    assert quarantine.items(ws) == []
    with ws.vault.session(read_only=True) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "quarantine-mask")).one()
    assert (entry.actor, entry.target, entry.reason) == ("ann", token, "name on top")
    assert entry.detail["areas"] == [[0, 0, 640, 80, 1, 0]]


def test_what_a_person_released_comes_in_again_the_same_way(ws: Workspace, token: str) -> None:
    release(ws, token, "name on top", "ann", areas=[TOP])
    before = staged(ws)
    for path in ws.settings.staging.rglob("*.dcm"):
        path.unlink()
    assert stage_part10(ws, original(), source="file").outcome is InstanceState.STAGED
    assert staged(ws) == before


def test_an_untouched_release_keeps_every_byte_of_the_pixels_and_says_nothing(ws: Workspace, token: str) -> None:
    release(ws, token, "nobody's name in it", "ann")
    after = dcmread(io.BytesIO(staged(ws)))
    assert after.PixelData == dcmread(io.BytesIO(original())).PixelData
    assert "DeidentificationMethodCodeSequence" not in after


def test_a_decision_can_become_a_rule_for_the_device(ws: Workspace, token: str) -> None:
    release(ws, token, "always there", "ann", areas=[TOP], always=True)
    (rule,) = mask_rules(ws.vault)
    assert (rule.rows, rule.columns, rule.areas, rule.made_by) == (480, 640, (TOP,), "ann")
    assert rule.manufacturer
    assert rule.model


def test_a_refused_object_is_not_let_in_by_an_earlier_look(ws: Workspace, token: str) -> None:
    with ws.vault.session() as session:
        instance = session.scalars(select(Instance)).one()
        session.add(
            PixelDecision(instance_id=instance.id, pixels="p" * 64, outcome="wipe", areas=[], rule="r", detector="d")
        )
        session.scalars(select(quarantine.QuarantineItem)).one().pixels = "p" * 64
    reject(ws, token, "a screen", "ann")
    with ws.vault.session(read_only=True) as session:
        assert session.scalars(select(PixelDecision.outcome)).one() == "hold"
    assert stage_part10(ws, original(), source="file").outcome is not InstanceState.STAGED


def test_the_picture_and_its_evidence_are_shown_and_the_look_is_recorded(ws: Workspace, token: str) -> None:
    shown = evidence(ws, token, actor="ann")
    assert (shown.rows, shown.columns, shown.frames, shown.outcome) == (480, 640, 1, "")
    assert Image.open(io.BytesIO(picture(ws, token, actor="ann"))).size == (640, 480)
    with pytest.raises(InputError, match="no frame 2"):
        picture(ws, token, 2, actor="ann")
    with ws.vault.session(read_only=True) as session:
        assert "evidence for ann" in session.scalars(select(Disclosure.purpose)).all()


@pytest.mark.parametrize(
    ("reason", "areas", "always"), [("", [TOP], False), ("why", [], True), ("why", [Area(900, 900, 5, 5)], False)]
)
def test_a_release_without_reason_or_sense_is_refused(
    ws: Workspace, token: str, reason: str, areas: list[Area], always: bool
) -> None:
    with pytest.raises(InputError):
        release(ws, token, reason, "ann", areas=areas, always=always)
    assert len(quarantine.items(ws)) == 1


def test_what_a_picture_cannot_settle_is_not_released(ws: Workspace) -> None:
    (image,) = study(LUCZYNSKA, when=SECOND_DAY, parts={"US"}, slices=1, matrix=32)
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"
    stage_part10(ws, part10(image), source="file")
    (item,) = quarantine.items(ws)
    with pytest.raises(NotAvailableError, match="encapsulated-document"):
        release(ws, item.token, "why", "ann")
