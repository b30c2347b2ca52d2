"""Studies that a trial does not select by themselves, and that objects of selected ones refer to."""

from __future__ import annotations

from collections.abc import Collection

from pacs2trial.filtering.links import referred
from pacs2trial.network.archive import Archive
from pacs2trial.retrieve.announced import SubjectStudies, SubjectStudy, wanted_instances
from pacs2trial.trials.definition import STAGING, TrialDefinition
from pacs2trial.vault import Original
from pacs2trial.vault.tables import Kind
from pacs2trial.workspace import Workspace


def selects_by_links(definition: TrialDefinition) -> bool:
    """Whether studies may belong to the trial because an object refers to them."""
    select = definition.source.select
    return select is not None and select.linked


def linked_studies(
    ws: Workspace, pacs: Archive, one: SubjectStudies, modalities: Collection[str]
) -> tuple[SubjectStudy, ...]:
    """Those of ``one.unselected`` that staged objects of its studies refer to, and those that these refer to.

    A study that is named only by instances of it is found by asking the PACS for its instances.

    Args:
        ws: the site.
        pacs: an open line to the PACS.
        one: the studies of a subject.
        modalities: those that the trial wants.
    """
    if not one.unselected:
        return ()
    open_ones = list(one.unselected)
    chosen = {*_staged(ws, {study.found.study for study in one.studies}).values()}
    instances: dict[str, set[str]] = {}
    linked: list[SubjectStudy] = []
    while chosen and open_ones:
        uids = referred(ws, chosen)
        chosen = set()
        for study in list(open_ones):
            original = study.found.study
            staged = _staged(ws, {original})[original]
            if staged not in uids:
                if original not in instances:
                    held = wanted_instances(pacs, study.found, modalities).instances
                    instances[original] = {*_staged(ws, {held.instance.sop_instance for held in held}).values()}
                if not uids & instances[original]:
                    continue
            linked.append(study)
            open_ones.remove(study)
            chosen.add(staged)
    return tuple(linked)


def _staged(ws: Workspace, originals: Collection[str]) -> dict[str, str]:
    """The staging pseudonym of each UID."""
    asked = [Original(Kind.UID, uid) for uid in originals]
    found = ws.vault.pseudonyms(STAGING).resolve(asked)
    return {one.value: found[one] for one in asked}
