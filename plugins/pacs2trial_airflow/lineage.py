"""OpenLineage events of the steps: which asset was made of which, with counts, digest and rules, and no identity.

Imported only by Airflow's OpenLineage provider, when it is installed and has somewhere to send events to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import Dataset
from openlineage.client.facet_v2 import RunFacet

from pacs2trial_airflow.assets import asset

NAMESPACE = "pacs2trial"
FACET = "pacs2trial_step"


@attrs.define
class StepFacet(RunFacet):
    """What a step reported.

    Attributes:
        trial: trial ID.
        counts: as in the event of the step's asset.
        digest: SHA-256 over what the step was about; equal digests say that nothing changed in between.
        rules: digest of the definition, number and digest of the key table, release.
    """

    trial: str
    counts: dict[str, Any]
    digest: str
    rules: dict[str, Any]


def lineage(
    trial: str, produces: str, consumes: Sequence[str], reported: Mapping[str, Any]
) -> OperatorLineage[Any, Any]:
    """The lineage of one step of a trial.

    Args:
        trial: trial ID.
        produces: the asset that it makes.
        consumes: those of which it makes it.
        reported: the extra of the asset's event; empty when the step did not come so far.
    """
    counts = {name: value for name, value in reported.items() if name not in ("digest", "rules")}
    facet = StepFacet(trial, counts, reported.get("digest", ""), dict(reported.get("rules", {})))
    return OperatorLineage(
        inputs=[_dataset(trial, what) for what in consumes],
        outputs=[_dataset(trial, produces)] if reported else [],
        run_facets={FACET: facet} if reported else {},
    )


def _dataset(trial: str, what: str) -> Dataset:
    return Dataset(namespace=NAMESPACE, name=asset(trial, what).name)
