"""Trial definitions for tests."""

from __future__ import annotations

from typing import Any

from pacs2trial.trials.definition import TrialDefinition


def trial(
    *options: str, name: str = "LUNGART", roi_names: dict[str, Any] | None = None, **more: Any
) -> TrialDefinition:
    """A definition with these profile options."""
    content: dict[str, Any] = {
        "trial": name,
        "title": "Lung ART",
        "sponsor": "Sponsor Ltd",
        "protocol": "LA-2019",
        "site": {"id": "UK01", "name": "Leeds"},
        "keys": {"file": "keys.csv"},
        "subject_key": "LA-[0-9]{3}",
        "source": {"pacs": "main", "modalities": ["CT", "RTSTRUCT"]},
        "profile": {"options": list(options), **({"roi_names": roi_names} if roi_names else {})},
    }
    return TrialDefinition.model_validate(content | more)
