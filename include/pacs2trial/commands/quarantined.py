"""How what waits for a person is shown."""

from __future__ import annotations

from collections.abc import Sequence

from pacs2trial.clearance.evidence import Evidence, evidence
from pacs2trial.clearance.held import HeldSeries
from pacs2trial.commands.report import Report, Table
from pacs2trial.errors import PermanentError
from pacs2trial.pixels.areas import Area
from pacs2trial.staging.quarantine import WAITING, Item
from pacs2trial.workspace import Workspace


def quarantine_report(trial: str, items: Sequence[Item], series: Sequence[HeldSeries]) -> Report:
    """The lists of objects in quarantine and of series that the trial's rules hold."""
    rows = [
        (one.token, one.subjects.get(trial), one.modality, one.reason, one.size, f"{one.received_at:%Y-%m-%d %H:%M}Z")
        for one in items
    ]
    held = [(one.token, one.subject_key, one.modality, one.rule, one.instances, one.series) for one in series]
    tables = []
    if rows:
        tables.append(Table(("token", "subject", "modality", "why", "bytes", "since"), rows, title=trial))
    if held:
        columns = ("token", "subject", "modality", "rule", "objects", "series in staging")
        tables.append(Table(columns, held, title="held by rules of the trial"))
    notes = [] if tables else [f"nothing of {trial} waits in quarantine"]
    return Report({"trial": trial, "items": items, "held": series}, tables, notes=notes)


def item_report(workspace: Workspace, trial: str, item: Item, actor: str) -> Report:
    """One object; texts that were found are told by place and kind, not by what they say."""
    rows: list[tuple[str, object]] = [
        ("token", item.token),
        ("state", item.state),
        ("why", item.reason),
        ("detail", item.detail),
        ("subject", item.subjects.get(trial)),
        ("modality", item.modality),
        ("study in staging", item.study),
        ("instance in staging", item.sop_instance),
        ("bytes", str(item.size)),
        ("since", f"{item.received_at:%Y-%m-%d %H:%M}Z"),
    ]
    content: dict[str, object] = {"trial": trial, "item": item}
    tables = [Table(("what", ""), rows)]
    seen = _evidence(workspace, item, actor)
    if seen is not None:
        rows += [
            ("picture", f"{seen.columns} x {seen.rows}, {seen.frames} frames" if seen.rows else "cannot be shown"),
            ("looked at", f"{seen.outcome} {seen.reason}".strip() or "not yet"),
            ("would be wiped", "; ".join(map(_words, seen.areas))),
        ]
        found = [(_words(one.area), one.finding, one.reason) for one in seen.texts]
        content["evidence"] = {
            "rows": seen.rows,
            "columns": seen.columns,
            "frames": seen.frames,
            "outcome": seen.outcome,
            "reason": seen.reason,
            "areas": [_words(area) for area in seen.areas],
            "texts": [dict(zip(("area", "finding", "reason"), one, strict=True)) for one in found],
        }
        if found:
            tables.append(Table(("where", "taken for", "because"), found, title="text in the picture"))
    return Report(content, tables)


def _evidence(workspace: Workspace, item: Item, actor: str) -> Evidence | None:
    if item.state != WAITING:
        return None
    try:
        return evidence(workspace, item.token, actor=actor)
    except PermanentError:
        return None


def _words(area: Area) -> str:
    frames = "" if not area.last_frame else f":{area.first_frame}-{area.last_frame}"
    return f"{area.left},{area.top},{area.width},{area.height}{frames}"
