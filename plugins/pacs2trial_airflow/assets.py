"""The assets that the operators of a trial produce: their events are the readable trail of what a run did."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from airflow.sdk import Asset

KEYS = "keys"
"""What an import of a key table produces, and what wakes the trial."""

INCOMING = "incoming"
"""What tells a trial of data that came unasked, and wakes it as well."""

QUESTIONS = "questions"
"""What tells the DAG of a trial's reviews that contents wait for a person, or that a person has answered."""


def asset(trial: str, what: str) -> Asset:
    """The asset ``pacs2trial/<trial>/<what>``, ``what`` being the step's result such as ``staged``, ``packages``."""
    return Asset(name=f"pacs2trial/{trial}/{what}", uri=f"pacs2trial://{trial}/{what}", group="pacs2trial")


def digest(facts: Any) -> str:
    """SHA-256 over facts that JSON can hold: equal digests of two events say that nothing changed between them."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
