"""A hospital to measure at: a new vault, one trial and its key table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pacs2trial.settings import Settings
from pacs2trial.vault import Vault


def new_site(
    folder: Path, trial: str, rows: Sequence[tuple[str, str]], definition: Mapping[str, Any], **settings: Any
) -> Settings:
    """Make home and trials below a folder.

    Args:
        folder: where.
        trial: trial ID.
        rows: patient ID and subject key of each subject, written as a key table but not imported.
        definition: of the trial, beside its names.
        settings: of the site, beside its places.
    """
    trials = folder / "trials"
    trials.mkdir(parents=True)
    names = {
        "trial": trial,
        "title": "Bench",
        "sponsor": "Bench",
        "protocol": trial,
        "site": {"id": "S01", "name": "Bench"},
        "keys": {"file": f"{trial}.csv"},
        "review": "never",
    }
    (trials / f"{trial}.yaml").write_text(yaml.safe_dump({**names, **definition}), "utf-8")
    made = Settings(home=folder / "home", trials=trials, minimum_free_mb=0, **settings)
    Vault.create(made)
    table = "\n".join(",".join(row) for row in [("patient_id", "subject_key"), *rows])
    (made.keys / f"{trial}.csv").write_text(table + "\n", "utf-8")
    return made
