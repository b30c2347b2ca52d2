"""Deliver one subject: every proven package in force to every destination of the trial, each content once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from pacs2trial.changes import changes_file, write_changes
from pacs2trial.collect.gate import require_deliverable
from pacs2trial.collect.replacing import file_sha256
from pacs2trial.collect.versions import UNCHANGED
from pacs2trial.delivery.kinds import bring, prepared
from pacs2trial.delivery.outgoing import Outgoing, label
from pacs2trial.delivery.sealing import unseal
from pacs2trial.errors import HeldError, PermanentError
from pacs2trial.keytable.corrections import Effect, last_deliveries, settle_outdated
from pacs2trial.review import ReviewState, ask
from pacs2trial.review.current import earlier_files, in_force, require_fresh, require_verified, subject_id
from pacs2trial.trials.definition import Destination, TrialDefinition
from pacs2trial.vault.database import insert_new
from pacs2trial.vault.tables import Delivery, OutdatedDelivery, PackageRow, now
from pacs2trial.verify.receipt import add_deliveries
from pacs2trial.workspace import Workspace

_log = logging.getLogger(__name__)

ACTOR = "pacs2trial"
"""Who delivers, in the audit: the product itself, on the word of definition and review."""


@dataclass(frozen=True)
class Receipt:
    """A package at a destination. ``new`` is False for what had been delivered before and was not sent again."""

    destination: str
    path: str
    size: int
    sha256: str
    new: bool


def deliver_subject(
    ws: Workspace, definition: TrialDefinition, subject_key: str, *, again: bool = False
) -> list[Receipt]:
    """Send what may leave and has not left yet; nothing is sent unless everything of the subject may leave.

    Under the lock of trial and subject. A content that a destination has is not sent there again.

    Args:
        ws: the site.
        definition: of the trial.
        subject_key: the subject.
        again: somebody asks for what was delivered before, as where the trial centre lost it.

    Returns:
        One receipt per package and destination, in the order of packages, then of the definition's destinations.

    Raises:
        InputError: the trial has no such subject, or the connection of a destination is missing or has faults.
        HeldError: instances or a review wait for a person.
        BalanceError: instances are missing or failed.
        ProofError: a package was refused by its proofs.
        PermanentError: a package was not verified, or the destination will not take it.
        TransientError: another process works on this subject, or the destination did not answer.
    """
    trial = definition.trial
    destinations = [(label(destination), destination) for destination in definition.deliver]
    with ws.vault.lock(f"{trial}/{subject_key}"):
        require_deliverable(ws.vault, definition, subject_key)
        receipts = []
        for package in _leaving(ws, definition, subject_key):
            done = {} if again else _delivered(ws, package)
            sent = _sent_to(ws, package, {name: one for name, one in destinations if name not in done})
            there = {**done, **sent}
            for name, _ in destinations:
                receipts.append(Receipt(name, there[name]["path"], package.size, package.sha256, new=name in sent))
            add_deliveries(ws, package.package_id)
    return receipts


def _sent_to(ws: Workspace, package: Outgoing, destinations: Mapping[str, Destination]) -> dict[str, Mapping[str, Any]]:
    """Bring a package to destinations, by their names; it is read from its place once, and only if there are any."""
    if not destinations:
        return {}
    with ws.packages.reading(_kept_as(ws, package.file), package.sha256):
        return {name: _send(ws, destination, package) for name, destination in destinations.items()}


def _send(ws: Workspace, destination: Destination, package: Outgoing) -> Mapping[str, Any]:
    """Bring a package to one destination and write down that it is there."""
    name = label(destination)
    _require_file(package)
    with _changes(ws, destination, package) as listed:
        told = {"changes": dict(bring(ws, destination, listed))} if listed else {}
        leaving = prepared(destination, replace(package, earlier=package.earlier | _sent(ws, package, name)))
        receipt = {**bring(ws, destination, leaving), **told}
        _record(ws, package, name, receipt)
        if destination.encrypt:
            for file in filter(None, (leaving, listed)):
                unseal(file)
    return receipt


@contextmanager
def _changes(ws: Workspace, destination: Destination, package: Outgoing) -> Iterator[Outgoing | None]:
    """The list of changes, which goes before the package of which it speaks; none goes with a first one."""
    if not destination.changes or write_changes(ws, package.package_id).since_version is None:
        yield None
        return
    with ws.packages.reading(_kept_as(ws, changes_file(package.file))) as file:
        earlier = _sent(ws, package, label(destination), "changes")
        size, sha256 = file.stat().st_size, file_sha256(file)
        yield prepared(
            destination, replace(package, file=file, name=file.name, size=size, sha256=sha256, earlier=earlier)
        )


def _kept_as(ws: Workspace, file: Path) -> str:
    return file.relative_to(ws.packages.folder).as_posix()


def _sent(ws: Workspace, package: Outgoing, destination: str, what: str = "") -> frozenset[str]:
    """SHA-256 of the files that went to a destination before; of an encrypted package they are its own.

    ``what`` names the file that went along with the package.
    """
    with ws.vault.session(read_only=True) as session:
        subject = subject_id(session, package.trial, package.subject_key)
        study = session.get_one(PackageRow, package.package_id).study
        rows = session.scalars(
            select(Delivery)
            .join(PackageRow, PackageRow.id == Delivery.package_id)
            .where(Delivery.subject_id == subject, Delivery.destination == destination, PackageRow.study == study)
        )
        receipts = [row.receipt.get(what, {}) if what else row.receipt for row in rows]
    return frozenset(str(receipt["sha256"]) for receipt in receipts if "sha256" in receipt)


def _leaving(ws: Workspace, definition: TrialDefinition, subject_key: str) -> list[Outgoing]:
    """The packages in force, all proven and, where the trial wants a review, all approved."""
    trial = definition.trial
    with ws.vault.session() as session:
        packages = in_force(session, trial, subject_id(session, trial, subject_key))
        require_fresh(session, packages, trial, subject_key)
        require_verified(packages, trial, subject_key)
        wants_review = packages and definition.review != "never"
        answers = ask(session, ws.vault, definition, packages) if wants_review else {}
        leaving = [
            Outgoing(
                package_id=package.id,
                trial=trial,
                subject_key=subject_key,
                file=ws.packages.folder / package.path,
                name=Path(package.path).name,
                size=package.size,
                sha256=package.sha256,
                content_digest=package.content_digest,
                earlier=earlier_files(session, package),
            )
            for package in packages
        ]
    if any(answer is ReviewState.REJECTED for answer in answers.values()):
        raise HeldError(f"{trial}/{subject_key} was rejected in review and is not delivered: pacs2trial review {trial}")
    if any(answer is not ReviewState.APPROVED for answer in answers.values()):
        raise HeldError(f"{trial}/{subject_key} waits for review: pacs2trial review {trial}")
    return leaving


def _require_file(package: Outgoing) -> None:
    if not package.file.is_file():
        raise PermanentError(
            f"{package.trial}/{package.name} was cleaned up or is lost; "
            f"run pacs2trial restore {package.trial} --subject {package.subject_key}"
        )


def _delivered(ws: Workspace, package: Outgoing) -> dict[str, Mapping[str, Any]]:
    """Receipts of destinations to which this content went last, by destination.

    One that got another content since, or whose content an import called outdated, gets it again.
    """
    with ws.vault.session(read_only=True) as session:
        subject = subject_id(session, package.trial, package.subject_key)
        study = session.get_one(PackageRow, package.package_id).study
        last = {
            each.delivery_id
            for each in last_deliveries(session, [subject])
            if each.study == study and each.content_digest == package.content_digest
        }
        outdated = select(OutdatedDelivery.id).where(
            OutdatedDelivery.delivery_id == Delivery.id,
            OutdatedDelivery.found_at >= Delivery.delivered_at,
            OutdatedDelivery.settlement != UNCHANGED,
        )
        rows = session.scalars(select(Delivery).where(Delivery.id.in_(last), ~outdated.exists()))
        return {row.destination: row.receipt for row in rows}


def _record(ws: Workspace, package: Outgoing, destination: str, receipt: Mapping[str, Any]) -> None:
    """Write down that a content has arrived; one that went there before, and another since, went there anew."""
    with ws.vault.session() as session:
        subject = subject_id(session, package.trial, package.subject_key)
        which = {
            "trial": package.trial,
            "subject_id": subject,
            "destination": destination,
            "content_digest": package.content_digest,
        }
        said = {"package_id": package.package_id, "receipt": dict(receipt), "delivered_at": now()}
        insert_new(session, Delivery, [which | said])
        session.execute(update(Delivery).filter_by(**which).values(**said))
        study = session.get_one(PackageRow, package.package_id).study
        replaced = {"subject_id": subject, "study": study, "destination": destination, "effect": Effect.CHANGED}
        settle_outdated(session, replaced, by=ACTOR, settlement=f"replaced by content {package.content_digest[:12]}")
        ws.vault.audit.append(
            session,
            "deliver",
            actor=ACTOR,
            trial=package.trial,
            target=package.subject_key,
            destination=destination,
            content_digest=package.content_digest,
        )
    _log.info("%s/%s: delivered to %s", package.trial, package.name, destination)
