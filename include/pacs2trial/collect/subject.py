"""Collect one subject: from what the filter let through to its packages."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from pacs2trial.collect.chosen import chosen
from pacs2trial.collect.gate import require_deliverable
from pacs2trial.collect.inputs import Inputs, inputs_of, said_of
from pacs2trial.collect.layout import keep_package, package_name, remove_package
from pacs2trial.collect.made import PackageMade
from pacs2trial.collect.stage2 import Addressed, Recipe, address, laid_out
from pacs2trial.collect.texts import hold_names, record_texts
from pacs2trial.collect.unchanged import remember, standing
from pacs2trial.collect.versions import (
    Written,
    current_packages,
    found_right,
    mark_collected,
    new_version,
    retire,
    same_content,
)
from pacs2trial.collect.writing import UnknownNamesError, write_package
from pacs2trial.errors import BalanceError, HeldError
from pacs2trial.keytable import EnrolledSubject, require_current
from pacs2trial.lookups import Asked
from pacs2trial.profile import trial_plan
from pacs2trial.profile.site_list import site_list
from pacs2trial.profile.statement import statement
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.tables import PackageRow
from pacs2trial.workspace import Workspace

_log = logging.getLogger(__name__)


def collect_subject(
    ws: Workspace,
    definition: TrialDefinition,
    subject: EnrolledSubject,
    *,
    run_key: str | None = None,
    requested_by: str = "",
    output: Path | None = None,
) -> list[PackageMade]:
    """Stage 2 of everything that the filter let through, as one zip per subject or per study.

    A package whose inputs are those of the version in force, and whose file is intact, is left alone. One whose
    content differs becomes a new version and supersedes the old; a study that is no longer wanted loses its package.
    A subject of which nothing has changed since it was collected costs one question to the vault. All else is done
    under the lock of trial and subject, so two runs never write one package at once.

    Args:
        ws: the site.
        definition: the trial.
        subject: whose data; as :func:`pacs2trial.keytable.enrolled` gives it.
        run_key: the run that asks, recorded with the inputs of a new version.
        requested_by: who started it, empty if nobody did; recorded with a new version, so that another person reviews.
        output: write copies there instead and record nothing: neither version nor proof nor judgement.

    Returns:
        The packages in force, ordered by study; none when the filter let nothing through. One that was cleaned up and
        whose inputs are what they were is left out: :mod:`pacs2trial.restore` makes it again when it is wanted.

    Raises:
        HeldError: instances wait for a person, or a rule writes a value that the subject does not have.
        InputError: a rule or a look-up asks for what key table, files and connections do not have.
        BalanceError: expected instances are missing, failed or not there yet.
        PermanentError: a staged file is damaged.
        TransientError: another process works on this subject, or the disk refused.
    """
    trial, key = definition.trial, subject.subject_key
    private = site_list(ws.settings)
    stood = standing(ws, definition, trial_plan(definition, private), subject)
    if stood.packages is not None and output is None:
        return stood.packages
    with ws.vault.lock(f"{trial}/{key}"):
        require_deliverable(ws.vault, definition, key)
        with ws.vault.session(read_only=True) as session:
            require_current(session, subject)
            members = chosen(session, trial, subject.subject_id)
        asked = Asked(ws, definition, subject)
        recipe = Recipe.of(ws.vault, definition, subject, private).completed(ws, subject, members, asked)
        groups = _groups(definition, address(recipe, members))
        if output is not None:
            _require_staged(ws, recipe, [each for group in groups.values() for each in group])
            return [_copy(ws, recipe, study, group, output) for study, group in groups.items()]
        with _holding_unknown_names(ws, trial, subject):
            request = (run_key, requested_by)
            made = [_package(ws, recipe, subject, study, group, request) for study, group in groups.items()]
        _retire(ws, trial, subject, groups)
        found = [each for each in made if each is not None]
        remember(ws, subject, trial, stood.mark, found)
    return found


@contextmanager
def _holding_unknown_names(ws: Workspace, trial: str, subject: EnrolledSubject) -> Iterator[None]:
    """Names that nobody knows hold the subject and are kept for a person; it is free when there are none any more."""
    try:
        yield
    except UnknownNamesError as unknown:
        hold_names(ws.vault, trial, subject.subject_id, unknown.names)
        raise HeldError(
            f"{trial}/{subject.subject_key}: {unknown}; pacs2trial review {trial} lists them: add them to "
            "profile.roi_names.also of the definition, or set unknown: number there"
        ) from None
    hold_names(ws.vault, trial, subject.subject_id, [])


def _groups(definition: TrialDefinition, members: Sequence[Addressed]) -> dict[str, list[Addressed]]:
    """What belongs in one package, by study pseudonym; the empty one stands for the whole subject."""
    if definition.package.per == "subject":
        return {"": laid_out(definition, members)} if members else {}
    by_study = groupby(members, key=lambda each: each.study)
    return {study: laid_out(definition, list(group)) for study, group in by_study}


def _copy(ws: Workspace, recipe: Recipe, study: str, members: Sequence[Addressed], folder: Path) -> PackageMade:
    name = package_name(recipe.values.subject_key, study)
    written = write_package(ws.settings, recipe, study, members, statement(recipe.plan), folder, name)
    copied = _made(ws, recipe, study, 0, written, len(members), changed=True)
    return replace(copied, path=folder / name, address=str(folder / name))


def _package(
    ws: Workspace,
    recipe: Recipe,
    subject: EnrolledSubject,
    study: str,
    members: Sequence[Addressed],
    request: tuple[str | None, str],
) -> PackageMade | None:
    trial = recipe.definition.trial
    run_key, requested_by = request
    inputs = inputs_of(ws.vault, recipe, study, members, run_key)
    with ws.vault.session(read_only=True) as session:
        current = next(
            (row for row in current_packages(session, trial, subject.subject_id) if row.study == study), None
        )
    instance_ids = [each.source.instance_id for each in members]
    if current is not None and current.removed_at and inputs.same_bytes_as(ws.vault.pinned(current.inputs)):
        _log.info("%s/%s: unchanged since its package was cleaned up", trial, subject.subject_key)
        return None
    if current is not None and _still_right(ws, current, inputs):
        with ws.vault.session() as session:
            mark_collected(session, trial, instance_ids)
            found_right(session, current.id, subject.revision)
        intact = Written(current.path, current.size, current.sha256, current.content_digest, {})
        return _made(ws, recipe, study, current.id, intact, len(members), changed=False)
    _require_staged(ws, recipe, members)
    name = f"{trial}/{package_name(subject.subject_key, study)}"
    said = said_of(ws.vault, recipe, inputs, ws.vault.pinned(current.inputs) if current is not None else None)
    written = write_package(ws.settings, recipe, study, members, said, ws.settings.packages, name)
    keep_package(ws.packages, name)
    pinned = inputs.saying(ws.vault, said).pinned_in(ws.vault)
    changed = current is None or current.content_digest != written.content_digest
    with ws.vault.session() as session:
        if current is None or changed:
            row = new_version(session, (trial, subject.subject_id, study), written, pinned, members, requested_by)
            row.revision = subject.revision
        else:
            row = same_content(session, current.id, written, pinned, members)
            found_right(session, row.id, subject.revision)
        record_texts(session, ws.vault, trial, row.id, written.texts)
        mark_collected(session, trial, instance_ids)
        package_id, version = row.id, row.version
    _log.info(
        "%s/%s: package version %d, %d objects, %d bytes",
        trial,
        subject.subject_key,
        version,
        len(members),
        written.size,
    )
    return _made(ws, recipe, study, package_id, written, len(members), changed=changed)


def _require_staged(ws: Workspace, recipe: Recipe, members: Sequence[Addressed]) -> None:
    absent = sum(not (ws.settings.staging / each.source.path).is_file() for each in members)
    if absent:
        trial, key = recipe.definition.trial, recipe.values.subject_key
        raise BalanceError(
            f"{trial}/{key}: {absent} of {len(members)} staged objects were cleaned up or are lost; "
            f"run pacs2trial restore {trial} --subject {key}"
        )


def _still_right(ws: Workspace, current: PackageRow, inputs: Inputs) -> bool:
    """Whether the version in force was made from these inputs and its file is what the vault says."""
    other = inputs.differences(ws.vault.pinned(current.inputs))
    if other:
        _log.info("%s: no longer what version %d was made from: %s", current.path, current.version, ", ".join(other))
        return False
    return ws.packages.holds(current.path, current.size, current.sha256)


def _retire(ws: Workspace, trial: str, subject: EnrolledSubject, kept: Mapping[str, object]) -> None:
    with ws.vault.session() as session:
        gone = retire(session, trial, subject.subject_id, kept.keys())
    for path in gone:
        remove_package(ws.packages, path)
        _log.info("%s/%s: a package that is no longer wanted was removed", trial, subject.subject_key)


def _made(
    ws: Workspace, recipe: Recipe, study: str, package_id: int, written: Written, instances: int, *, changed: bool
) -> PackageMade:
    return PackageMade(
        package_id=package_id,
        trial=recipe.definition.trial,
        subject_key=recipe.values.subject_key,
        study=study,
        path=ws.packages.folder / written.path,
        address=ws.packages.address(written.path),
        size=written.size,
        sha256=written.sha256,
        content_digest=written.content_digest,
        instances=instances,
        changed=changed,
    )
