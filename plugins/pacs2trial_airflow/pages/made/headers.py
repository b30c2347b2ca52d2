"""What an object says, as the scope shows it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from pacs2trial.errors import HeldError
from pacs2trial.holdings.ledger import Narrowing
from pacs2trial.holdings.view import TrialView
from pacs2trial.preview.facts import Fact, facts_of_series
from pacs2trial.preview.outcomes import Header, compared
from pacs2trial.preview.plans import Beam, Histogram, beams, histograms, prescribed_dose, roi_names
from pacs2trial.preview.reports import report_text
from pacs2trial.trials.definition import STAGING
from pacs2trial_airflow.pages.made.held import found
from pacs2trial_airflow.site import site


def header_of_object(scope: str, study: str, series: str, instance: str) -> Header:
    """The header of an object as staged and as the scope shows it."""
    (content, *_) = found(scope, study, series, instance)
    view = site.view(scope)
    staged = site.view(STAGING).object_of(content).described()
    final = view.object_of(content).described()
    return compared(staged, final, view.plan if isinstance(view, TrialView) else None)


@dataclass(frozen=True)
class Said:
    """What an object says beyond its attributes: beams of a plan, histograms of a dose, a report in words.

    ``owner`` is the subject whose it is.
    """

    modality: str
    owner: str
    facts: Sequence[Fact]
    beams: Sequence[Beam]
    prescribed: float | None
    histograms: Sequence[Histogram]
    structures: Sequence[str]
    text: str


def told_by(scope: str, study: str, series: str, instance: str) -> Said:
    """An object in words."""
    (content, *_) = found(scope, study, series, instance)
    dataset = site.view(scope).object_of(content).described()
    return Said(
        modality=content.modality,
        owner=content.owner,
        facts=facts_of_series(dataset),
        beams=beams(dataset),
        prescribed=prescribed_dose(dataset),
        histograms=histograms(dataset, _names(scope, content.owner) if dataset.get("DVHSequence") else {}),
        structures=list(roi_names(dataset).values()),
        text=report_text(dataset),
    )


def _names(scope: str, owner: str) -> dict[int, str]:
    """The names of the structures of a subject, by ROI number; of the last structure set where there are several."""
    view = site.view(scope)
    names: dict[int, str] = {}
    with view.ws.vault.session(read_only=True) as session:
        objects = view.ledger.all_contents(session, Narrowing(owners=(owner,), modalities=("RTSTRUCT",)))
    for content in objects:
        with suppress(HeldError):
            names |= roi_names(view.object_of(content).described())
    return names
