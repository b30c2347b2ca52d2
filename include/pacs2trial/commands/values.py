"""``trial values``: what text leaves in the packages of a trial, which values are new, rules to paste for them."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import click
import yaml

from pacs2trial.collect.texts import SeenText, mark_reviewed, texts_of
from pacs2trial.commands.command import ReportingCommand, actor, trial_argument
from pacs2trial.commands.report import Report, Table
from pacs2trial.workspace import Workspace

_COLUMNS = ("attribute", "value", "count", "subjects", "new")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@click.command("values", cls=ReportingCommand)
@trial_argument
@click.option("--new", "only_new", is_flag=True, help="Only those that nobody has reviewed.")
@click.option("--csv", "table_file", metavar="FILE", type=click.Path(path_type=Path), help="Write them to a CSV file.")
@click.option("--rules", "as_rules", is_flag=True, help="Print rules for them, to paste into the definition and edit.")
@click.option("--reviewed", is_flag=True, help="Note that you have seen them all: none is new any more.")
def values(trial: str, only_new: bool, table_file: Path | None, as_rules: bool, reviewed: bool) -> Report:  # noqa: FBT001 - flags of the command line
    """List what text leaves in the packages of a trial: unique values per attribute, with counts."""
    workspace = Workspace.open()
    name = workspace.definition(trial).trial
    found = texts_of(workspace, name, only_new=only_new)
    notes = [] if found else [f"no {'new ' if only_new else ''}text in the packages of {name}"]
    if table_file is not None:
        _write(table_file, found)
        notes.append(f"{len(found)} texts written to {table_file}")
    if reviewed:
        with workspace.vault.session() as session:
            fresh = mark_reviewed(session, name, None, actor())
            workspace.vault.audit.append(
                session, "texts reviewed", actor=actor(), trial=name, target=name, reason="", texts=fresh
            )
        notes.append(f"{fresh} new texts are marked as reviewed")
    content = {"trial": name, "values": found}
    if as_rules:
        return Report(content | {"rules": _rules(found)}, text=_pasteable(found), notes=notes)
    rows = [(one.attribute, one.value, one.count, len(one.subjects), "new" if one.new else "") for one in found]
    return Report(content, [Table(_COLUMNS, rows, title=name)] if rows else [], notes=notes)


def _rules(found: Sequence[SeenText]) -> list[dict[str, object]]:
    """One rule an attribute that replaces every value by itself, so that a person changes the right-hand sides."""
    by_attribute: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for one in found:
        by_attribute[one.attribute][one.value] = one.value
    return [{"attribute": attribute, "replace": replaced} for attribute, replaced in by_attribute.items()]


def _pasteable(found: Sequence[SeenText]) -> str:
    rules = yaml.safe_dump({"rules": _rules(found)}, sort_keys=False, allow_unicode=True, width=10_000)
    head = "# profile.rules: change what stands behind the colons; or write remove: true in place of replace\n"
    return head + rules


def _write(file: Path, found: Sequence[SeenText]) -> None:
    """A cell that a spreadsheet would take for a formula gets an apostrophe."""
    with file.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.writer(stream)
        writer.writerow(_COLUMNS)
        for one in found:
            value = f"'{one.value}" if one.value.startswith(_FORMULA) else one.value
            writer.writerow([one.attribute, value, one.count, " ".join(one.subjects), "new" if one.new else ""])
