"""The graph of a subject's links."""

from __future__ import annotations

from typing import Final

from pacs2trial.errors import Pacs2TrialError
from pacs2trial.holdings.fates import fates
from pacs2trial.holdings.ledger import Narrowing
from pacs2trial.preview.graph import Graph, Known, link_graph, references
from pacs2trial_airflow.pages.made.held import WITHOUT_IMAGE, found
from pacs2trial_airflow.site import site

_REFERRING: Final = WITHOUT_IMAGE | {"RTDOSE", "RTIMAGE", "SEG"}


def graph_of(scope: str, study: str) -> tuple[Graph, int]:
    """The links of the subject whose study this is, and how many objects wait for a person and could not be read."""
    view = site.view(scope)
    owner = found(scope, study)[0].owner
    with view.ws.vault.session(read_only=True) as session:
        objects = view.ledger.all_contents(session, Narrowing(owners=(owner,)))
    shown = view.shown(
        {uid for one in objects for uid in (one.chosen.sop_instance, one.chosen.series, one.chosen.study)}
    )
    known = [
        Known(shown[one.chosen.sop_instance], shown[one.chosen.series], shown[one.chosen.study], one.modality)
        for one in objects
    ]
    named, held = {}, 0
    for content in objects:
        if content.modality in _REFERRING:
            try:
                named[shown[content.chosen.sop_instance]] = references(view.object_of(content).described())
            except Pacs2TrialError:
                held += 1
    there = {one.sop_instance for one in known}
    absent = {uid for uids in named.values() for uid in uids} - there
    return link_graph(known, named, fates(view, absent)), held
