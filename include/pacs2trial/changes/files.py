"""``<package>.changes.csv`` beside a package, for the data manager of a trial; it never stands inside (promise 6)."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, fields
from pathlib import Path

from pacs2trial.changes.compare import Change, Changes, changes_of
from pacs2trial.errors import TransientError
from pacs2trial.vault.tables import PackageRow
from pacs2trial.workspace import Workspace


def changes_file(package: Path) -> Path:
    """Where the changes of a package are told."""
    return package.with_name(package.name + ".changes.csv")


def changes_csv(changes: Changes) -> bytes:
    """One line for each object that is not as it was delivered (UTF-8); the same bytes for the same changes."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(Change)])
    writer.writeheader()
    writer.writerows(asdict(one) for one in changes.objects)
    return text.getvalue().encode()


def write_changes(ws: Workspace, package_id: int) -> Changes:
    """Write the file, or take it away where nothing was delivered before.

    Raises:
        TransientError: it cannot be written.
    """
    changes = changes_of(ws, package_id)
    with ws.vault.session(read_only=True) as session:
        name = changes_file(Path(session.get_one(PackageRow, package_id).path)).as_posix()
    try:
        if changes.since_version is None:
            ws.packages.remove(name)
        else:
            path = ws.packages.draft(name)
            part = path.with_name(f".{path.name}.part")
            part.write_bytes(changes_csv(changes))
            part.replace(path)
            ws.packages.keep(name)
    except OSError as error:
        raise TransientError(f"{ws.packages.address(name)} cannot be written: {error.strerror}") from None
    return changes
