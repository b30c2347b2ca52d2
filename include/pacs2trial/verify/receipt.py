"""The receipt beside a package: everything with a clock in it, which the package itself must not hold (promise 6)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.changes import write_changes
from pacs2trial.errors import TransientError
from pacs2trial.storage import receipt_name
from pacs2trial.vault.tables import Delivery, PackageRow, Subject
from pacs2trial.verify.proof import Proof
from pacs2trial.workspace import Workspace

FORMAT = "pacs2trial receipt 1"


def write_receipt(ws: Workspace, package_id: int, proofs: Sequence[Proof], *, when: str) -> None:
    """Write ``<package>.receipt.json``: what the package is, its inputs, proofs, versions, changes and deliveries.

    And ``<package>.changes.csv``, where an earlier version was delivered.

    It names staged contents by their digests and so stays at the site.
    """
    with ws.vault.session(read_only=True) as session:
        row = session.get_one(PackageRow, package_id)
        content = _package(session, row) | {
            "verified_at": when,
            "proofs": [asdict(each) for each in proofs],
            "versions": _versions(session, row),
            "deliveries": _deliveries(session, row),
        }
        name, pinned = receipt_name(row.path), row.inputs
    changes = write_changes(ws, package_id)
    content["changes"] = {
        "since_version": changes.since_version,
        "since_content_digest": changes.since_digest,
        "because": list(changes.because),
        **changes.counts(),
        "objects": [asdict(one) for one in changes.objects],
    }
    content["inputs"] = {"digest": pinned, **json.loads(ws.vault.pinned(pinned))}
    _replace(ws, name, content)


def has_receipt(ws: Workspace, package: str) -> bool:
    """Whether a receipt lies beside the package of that name."""
    return ws.packages.there(receipt_name(package)) is not None


def add_deliveries(ws: Workspace, package_id: int) -> None:
    """Bring the deliveries in a receipt up to date with the vault; one that is absent or of other bytes is let be."""
    with ws.vault.session(read_only=True) as session:
        row = session.get_one(PackageRow, package_id)
        deliveries, sha256 = _deliveries(session, row), row.sha256
        name = receipt_name(row.path)
    try:
        with ws.packages.reading(name) as path:
            content: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return
    if content.get("sha256") == sha256:
        content["deliveries"] = deliveries
        _replace(ws, name, content)


def _package(session: Session, row: PackageRow) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "package": Path(row.path).name,
        "trial": row.trial,
        "subject": session.get_one(Subject, row.subject_id).key,
        "study": row.study,
        "version": row.version,
        "content_digest": row.content_digest,
        "sha256": row.sha256,
        "size": row.size,
        "made_at": row.made_at.isoformat(),
    }


def _versions(session: Session, row: PackageRow) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(PackageRow)
        .where(PackageRow.trial == row.trial, PackageRow.subject_id == row.subject_id, PackageRow.study == row.study)
        .order_by(PackageRow.version)
    )
    return [
        {
            "version": each.version,
            "state": each.state,
            "content_digest": each.content_digest,
            "sha256": each.sha256,
            "made_at": each.made_at.isoformat(),
        }
        for each in rows
    ]


def _deliveries(session: Session, row: PackageRow) -> list[dict[str, Any]]:
    rows = session.execute(
        select(Delivery, PackageRow.version)
        .join(PackageRow, PackageRow.id == Delivery.package_id)
        .where(PackageRow.trial == row.trial, PackageRow.subject_id == row.subject_id, PackageRow.study == row.study)
        .order_by(Delivery.id)
    )
    return [
        {
            "version": version,
            "destination": each.destination,
            "content_digest": each.content_digest,
            "delivered_at": each.delivered_at.isoformat(),
            "receipt": each.receipt,
        }
        for each, version in rows
    ]


def _replace(ws: Workspace, name: str, content: dict[str, Any]) -> None:
    path = ws.packages.draft(name)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, ensure_ascii=False)
            file.write("\n")
            file.flush()
            if ws.settings.durable:
                os.fsync(file.fileno())
        part.replace(path)
        ws.packages.keep(name)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise TransientError(f"{path} cannot be written: {error.strerror or type(error).__name__}") from error
