"""By which rules a step works: the versions of what decides its outcome, as digests and numbers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pacs2trial.trials.definition import TrialDefinition
    from pacs2trial.workspace import Workspace


def rules(ws: Workspace, definition: TrialDefinition) -> dict[str, Any]:
    """SHA-256 of the definition as it is pinned, number and digest of the key table if there is one, release."""
    from pacs2trial import __version__
    from pacs2trial.keytable.version import newest_version
    from pacs2trial.trials.load import canonical

    with ws.vault.session(read_only=True) as session:
        keys = newest_version(session, definition.trial)
        table = {"key_version": keys.number, "key_digest": keys.digest} if keys else {}
    return {"definition": hashlib.sha256(canonical(definition)).hexdigest(), **table, "release": __version__}
