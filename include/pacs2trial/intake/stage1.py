"""Stage 1: the one way into staging, for whatever a PACS, a planning system or a file brings.

An object is split, judged by the site's rules and pseudonymised in memory. What passes lies in the staging store, what
does not lies encrypted in quarantine, and the ledger says so, all of it durable before the caller hears of it
(promises 1, 4, 5). No log line and no error carries a value of the object.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from typing_extensions import Buffer

from pacs2trial.deidentify import Deidentified, deidentify
from pacs2trial.deidentify.identity import ObjectIdentity, Outermost
from pacs2trial.deidentify.overlays import hides_graphics
from pacs2trial.dicomfile.difference import is_renamed
from pacs2trial.dicomfile.durable import write_durably
from pacs2trial.dicomfile.encoding import EncodedObject, file_bytes, split_dataset, split_file
from pacs2trial.errors import PermanentError, TransientError, UnsafeObjectError
from pacs2trial.filtering.pixel_decisions import Decided, decided_about, pixels_of
from pacs2trial.filtering.site_rules import SEEN_RULES, obstacle, site_verdict
from pacs2trial.filtering.trial_rules import ACCESSION_LOOKUP, STUDY_DATE
from pacs2trial.intake.recording import OvertakenError, Ready, Recorder
from pacs2trial.keytable import accession_lookup
from pacs2trial.profile import Plan, staging_plan
from pacs2trial.profile.site_list import site_list
from pacs2trial.redaction.embedded import without_embedded_overlays
from pacs2trial.redaction.redact import redact_file
from pacs2trial.staging import quarantine
from pacs2trial.staging.ledger import Announced, Arrival, Content, described, known
from pacs2trial.staging.store import claim, digest_of, need_room, relative_path
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.identities import Patient
from pacs2trial.vault.pseudonyms import Draft, SupersededError
from pacs2trial.vault.tables import InstanceState, Kind
from pacs2trial.workspace import Workspace

log = logging.getLogger(__name__)

NO_OBJECT = frozenset({"not-dicom", "dicomdir"})
"""Reasons of what holds no composite object (PS3.3 A.1) at all, so that there is nothing to keep."""

_plans: WeakKeyDictionary[Vault, Plan] = WeakKeyDictionary()
_recorders: WeakKeyDictionary[Vault, Recorder] = WeakKeyDictionary()


class OtherClassError(PermanentError):
    """A data set is of another SOP class than the request that brought it says; nothing of it is kept."""


@dataclass(frozen=True)
class Staged:
    """What became of one object.

    Attributes:
        outcome: ``STAGED``, ``QUARANTINED`` or ``REJECTED``.
        reason: the site rule or fault when it was not staged; a short code, never a value.
        sop_instance: the SOP Instance UID in staging, empty when the identity could not be read.
        study: the Study Instance UID in staging, empty when the identity could not be read.
        size: bytes that came.
        new: False when exactly this object had been taken in before.
    """

    outcome: InstanceState
    reason: str
    sop_instance: str
    study: str
    size: int
    new: bool


@dataclass(frozen=True)
class _Received:
    """An object as it came: where from, the parts of the Part 10 file that quarantine would keep, the SOP Instance UID
    and the SOP class that the sender named beside the object (empty if none).
    """

    ws: Workspace
    source: str
    parts: Sequence[Buffer]
    size: int
    named: str = ""
    sop_class: str = ""


def stage_dataset(
    ws: Workspace, dataset: Buffer, transfer_syntax: str, *, source: str, named: str = "", sop_class: str = ""
) -> Staged:
    """Take in one data set as C-STORE brings it (PS3.7 9.1.1), without file meta information.

    Args:
        ws: the site.
        dataset: the encoded data set.
        transfer_syntax: the transfer syntax that was negotiated for it.
        source: ``push:<calling AE title>`` or ``pacs:<connection>``.
        named: Affected SOP Instance UID of the C-STORE request. By it an object that cannot be read is still known
            to be the one that a PACS announced.
        sop_class: Affected SOP Class UID of the C-STORE request.

    Returns:
        What became of it; everything said there is durable.

    Raises:
        TransientError: disk or vault failed; nothing is kept that counts, and the sender may repeat.
        OtherClassError: the data set is of another class than ``sop_class``.
    """
    size = memoryview(dataset).nbytes
    need_room(ws.settings, size)
    prefix = file_bytes("", "", transfer_syntax, b"")
    received = _Received(ws, source, (prefix, dataset), size, named, sop_class)
    try:
        found = split_dataset(dataset, transfer_syntax)
    except UnsafeObjectError as unsafe:
        return _quarantine_unknown(received, unsafe)
    return _stage(received, found)


def stage_part10(ws: Workspace, data: Buffer, *, source: str, named: str = "") -> Staged:
    """Take in one Part 10 file that is in memory; otherwise as :func:`stage_dataset`.

    Raises:
        UnsafeObjectError: it is no DICOM object, or the directory of a medium; nothing is kept. Every other fault
            of an object leads to quarantine.
        TransientError: as for :func:`stage_dataset`.
    """
    size = memoryview(data).nbytes
    need_room(ws.settings, size)
    received = _Received(ws, source, (data,), size, named)
    try:
        found = split_file(data)
    except UnsafeObjectError as unsafe:
        return _quarantine_unknown(received, unsafe)
    return _stage(received, found)


def pinned_staging_plan(ws: Workspace) -> Plan:
    """The staging plan with the site's own list of private attributes, pinned in the vault (promise 7) once a process.

    Raises:
        InputError: the site's list has faults.
    """
    plan = _plans.get(ws.vault)
    if plan is None:
        plan = staging_plan(site_list(ws.settings))
        ws.vault.pin("staging-plan", plan.canonical)
        _plans[ws.vault] = plan
    return plan


def _stage(received: _Received, found: EncodedObject) -> Staged:
    ws = received.ws
    try:
        outermost = Outermost(found)
        identity, facts = outermost.identity(), outermost.facts()
        facts["identity"] = outermost.person()
        if hidden := hides_graphics(found):
            found = without_embedded_overlays(found)
            hidden = hides_graphics(found)
        facts["embedded_overlay"] = hidden
        facts[STUDY_DATE] = identity.study_date.isoformat() if identity.study_date else ""
        facts[ACCESSION_LOOKUP] = accession_lookup(ws.vault, identity.accession_number)
    except UnsafeObjectError as unsafe:
        return _quarantine_unknown(received, unsafe)
    if received.sop_class and received.sop_class != identity.sop_class:
        raise OtherClassError("the data set is of another SOP class than its C-STORE request says")
    patient = ws.vault.identities.patient(identity.issuer or ws.settings.issuer, identity.patient_id)
    facts_sealed = ws.vault.seal(STAGING, json.dumps(facts, sort_keys=True).encode())
    verdict = site_verdict(facts)
    suspect: Arrival | None = None
    decided: Mapping[str, Decided] = {}
    if verdict.action != "accept":
        state = InstanceState.REJECTED if verdict.action == "reject" else InstanceState.QUARANTINED
        suspect = _original_arrival(received, identity, patient, facts_sealed)
        decided = _let_in(ws, suspect.instance.sop_instance, facts)
        if not decided:
            return _quarantine(received, suspect, verdict.rule, "a rule of the site does not trust it", state)
    draft = ws.vault.pseudonyms(STAGING).draft()
    try:
        clean = deidentify(found, pinned_staging_plan(ws), draft, patient=patient.code)
    except UnsafeObjectError as unsafe:
        arrival = suspect or _original_arrival(received, identity, patient, facts_sealed)
        return _quarantine(received, arrival, unsafe.reason, unsafe.detail)
    if suspect is not None:
        about = decided.get(pixels_of(ws.vault, split_file(_whole(clean))))
        if about is None:
            return _quarantine(received, suspect, verdict.rule, "a rule of the site does not trust it")
    instance = Announced(
        patient.identifier_id,
        clean.study,
        clean.series,
        clean.sop_instance,
        clean.sop_class,
        clean.modality,
        clean.study_date,
    )
    arrival = Arrival(instance, received.source, facts_sealed)
    if draft.is_new(clean.sop_instance):
        with suppress(OvertakenError):
            return _store(received, arrival, clean, patient, draft, unheard_of=True)
    return _store(received, arrival, clean, patient, draft, unheard_of=False, suspect=suspect is not None)


def _let_in(ws: Workspace, sop_instance: str, facts: Mapping[str, Any]) -> Mapping[str, Decided]:
    """The decisions by which a suspected instance may enter staging, by its pixels; mostly there is none."""
    if obstacle(facts, SEEN_RULES):
        return {}
    by_person = bool(obstacle(facts))
    return {
        pixels: about
        for pixels, about in decided_about(ws.vault, sop_instance).items()
        if about.lets_in and (about.decided_by or not by_person)
    }


def _whole(clean: Deidentified) -> bytes:
    return b"".join(
        (file_bytes(clean.sop_class, clean.sop_instance, clean.transfer_syntax, clean.header), *clean.pixel)
    )


def _store(
    received: _Received,
    arrival: Arrival,
    clean: Deidentified,
    patient: Patient,
    draft: Draft,
    *,
    unheard_of: bool,
    suspect: bool = False,
) -> Staged:
    """Write the file, then the ledger; a failure between leaves a file that a repetition overwrites with the same.

    Where something was decided about these pixels before, its areas are blanked first. A ``suspect`` object leaves
    quarantine by this.

    An instance whose SOP Instance UID had no pseudonym is not looked for in the ledger, unless its file is there.

    Raises:
        OvertakenError: an instance that was ``unheard_of`` came by another way at the same moment; nothing is kept.
    """
    ws, instance = received.ws, arrival.instance
    meta = file_bytes(clean.sop_class, clean.sop_instance, clean.transfer_syntax, clean.header)
    parts: list[Buffer] = [meta, *clean.pixel]
    content = digest_of(parts)
    with claim(ws.settings, instance.sop_instance):
        plain = relative_path(patient.code, clean.study, clean.series, clean.sop_instance)
        first = unheard_of and not (ws.settings.staging / plain).exists()
        before = None if first else known(ws.vault, instance.sop_instance)
        if before is not None and not ws.vault.identities.same_person(before.identifier_id, instance.identifier_id):
            return _quarantine_other_patient(received, arrival, before.identifier_id)
        pixels = None
        if before is not None and (before.looked_at or suspect):
            whole = _whole(clean)
            pixels = pixels_of(ws.vault, split_file(whole))
            about = decided_about(ws.vault, instance.sop_instance).get(pixels)
            if about is not None and about.lets_in and about.areas:
                parts = [redact_file(whole, about.areas)]
                content = digest_of(parts)
        contents = before.contents if before else {}
        path = contents.get(content) or str(
            relative_path(
                patient.code, clean.study, clean.series, clean.sop_instance, digest=content if contents else ""
            )
        )
        target = ws.settings.staging / path
        there = content in contents and before is not None and content not in before.removed and target.exists()
        if there and before is not None and not suspect:
            return Staged(before.state, before.reason, instance.sop_instance, instance.study, received.size, new=False)
        _write(ws, target, parts)
        size = sum(memoryview(part).nbytes for part in parts)
        lies = Content(content, size, path, pinned_staging_plan(ws).digest, pixels)
        token = quarantine.token_of(ws, received.parts) if suspect else ""
        renamed = content not in contents and any(
            is_renamed(ws.settings.staging / other, target) for other in contents.values()
        )
        try:
            recorded = _recorder(ws).record(Ready(draft, arrival, lies, first=first, renamed=renamed, released=token))
        except (OvertakenError, SupersededError):
            target.unlink()  # nothing of the ledger will name it
            raise
    if token:
        quarantine.forget(ws, token)
    if contents and recorded.new:
        log.warning("instance %s came with another content; both are kept", instance.sop_instance)
    return Staged(recorded.state, recorded.reason, instance.sop_instance, instance.study, received.size, recorded.new)


def _recorder(ws: Workspace) -> Recorder:
    return _recorders.setdefault(ws.vault, Recorder(ws.vault))


def _write(ws: Workspace, target: Path, parts: Sequence[Buffer]) -> None:
    try:
        write_durably(target, parts, durable=ws.settings.durable)
    except OSError as error:
        raise TransientError(f"cannot write to the staging store: {error.strerror}") from None


def _original_arrival(received: _Received, identity: ObjectIdentity, patient: Patient, facts_sealed: bytes) -> Arrival:
    """The ledger's view of an object that is not pseudonymised, so that an announced instance is found again."""
    originals = [Original(Kind.UID, uid) for uid in (identity.study, identity.series, identity.sop_instance)]
    pseudos = received.ws.vault.pseudonyms(STAGING).resolve(originals)
    study, series, sop_instance = (pseudos[original] for original in originals)
    instance = Announced(
        patient.identifier_id,
        study,
        series,
        sop_instance,
        identity.sop_class,
        identity.modality,
        identity.study_date,
    )
    return Arrival(instance, received.source, facts_sealed)


def _quarantine(
    received: _Received,
    arrival: Arrival,
    reason: str,
    detail: str,
    state: InstanceState = InstanceState.QUARANTINED,
) -> Staged:
    before = known(received.ws.vault, arrival.instance.sop_instance)
    identities = received.ws.vault.identities
    if before is not None and not identities.same_person(before.identifier_id, arrival.instance.identifier_id):
        return _quarantine_other_patient(received, arrival, before.identifier_id)
    kept = quarantine.keep(received.ws, received.parts, reason=reason, detail=detail, instance=arrival, state=state)
    return Staged(state, reason, arrival.instance.sop_instance, arrival.instance.study, received.size, kept.new)


def _quarantine_other_patient(received: _Received, arrival: Arrival, expected_identifier: int) -> Staged:
    """An object that names another patient than the ledger holds for its SOP Instance UID: a person decides."""
    kept = quarantine.keep(
        received.ws,
        received.parts,
        reason="other-patient",
        detail="announced or received before under another patient ID or issuer of patient ID; if the object names an "
        "issuer (0010,0021) that is this hospital's, set PACS2TRIAL_ISSUER or the key table's column issuer to it",
        instance=Arrival(
            replace(arrival.instance, identifier_id=expected_identifier), arrival.source, arrival.facts_sealed
        ),
    )
    one = arrival.instance
    return Staged(InstanceState.QUARANTINED, "other-patient", one.sop_instance, one.study, received.size, kept.new)


def _quarantine_unknown(received: _Received, unsafe: UnsafeObjectError) -> Staged:
    if unsafe.reason in NO_OBJECT:
        raise unsafe
    expected = _announced_as(received)
    arrival = Arrival(expected, received.source, None) if expected else None
    kept = quarantine.keep(received.ws, received.parts, reason=unsafe.reason, detail=unsafe.detail, instance=arrival)
    sop_instance = expected.sop_instance if expected else ""
    study = expected.study if expected else ""
    return Staged(InstanceState.QUARANTINED, unsafe.reason, sop_instance, study, received.size, kept.new)


def _announced_as(received: _Received) -> Announced | None:
    """The instance of the ledger that the sender named beside an object that cannot be read."""
    if not received.named:
        return None
    original = Original(Kind.UID, received.named)
    vault = received.ws.vault
    return described(vault, vault.pseudonyms(STAGING).resolve([original])[original])
