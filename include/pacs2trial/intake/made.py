"""What stage 1 would make of an object, in memory: for whoever looks at it before it may enter staging."""

from __future__ import annotations

from dataclasses import dataclass, field

from typing_extensions import Buffer

from pacs2trial.deidentify import deidentify
from pacs2trial.deidentify.engine import own_harvest
from pacs2trial.deidentify.identifiers import Harvest
from pacs2trial.deidentify.identity import read_identity
from pacs2trial.dicomfile.encoding import file_bytes, split_file
from pacs2trial.intake.stage1 import pinned_staging_plan
from pacs2trial.redaction.embedded import without_embedded_overlays
from pacs2trial.trials.definition import STAGING
from pacs2trial.workspace import Workspace


@dataclass(frozen=True)
class Made:
    """A Part 10 file as stage 1 would write it, and what in the original identifies its patient and others."""

    file: bytes = field(repr=False)
    harvest: frozenset[Harvest] = field(repr=False)


def made_of(ws: Workspace, data: Buffer) -> Made:
    """Stage 1 of an original Part 10 file; nothing is written, nothing of the ledger changes.

    Raises:
        UnsafeObjectError: the object cannot be read with certainty; releasing it is out of the question.
    """
    found = without_embedded_overlays(split_file(data))
    identity = read_identity(found)
    patient = ws.vault.identities.patient(identity.issuer or ws.settings.issuer, identity.patient_id)
    plan = pinned_staging_plan(ws)
    clean = deidentify(found, plan, ws.vault.pseudonyms(STAGING).draft(), patient=patient.code)
    head = file_bytes(clean.sop_class, clean.sop_instance, clean.transfer_syntax, clean.header)
    return Made(b"".join((head, *clean.pixel)), own_harvest(found, plan))
