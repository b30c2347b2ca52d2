"""What is known of a person by which text in pixels is recognised: from the vault, through its one disclosure."""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import func, select

from pacs2trial.deidentify.harvest import BIRTH_DATE, IDENTIFIER, NAME
from pacs2trial.deidentify.identifiers import Harvest
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Identifier, Instance
from pacs2trial.workspace import Workspace

CALLER: Final = "filter"
_UTF_8: Final = b"ISO_IR 192"


def of_person(ws: Workspace, person_id: int, *, purpose: str) -> frozenset[Harvest]:
    """Patient IDs, names, birth dates and other IDs under which anything of a person came.

    Args:
        ws: the site.
        person_id: the person.
        purpose: recorded with the number of values that are decrypted.
    """
    with ws.vault.session(read_only=True) as session:
        identifier_ids = list(session.scalars(select(Identifier.id).where(Identifier.person_id == person_id)))
        one_a_series = (
            select(func.min(Instance.id))
            .where(Instance.identifier_id.in_(identifier_ids), Instance.facts_sealed.is_not(None))
            .group_by(Instance.series)
        )
        ids = sorted(session.scalars(one_a_series))
        sealed = [
            facts
            for batch in batches(ids)
            for facts in session.scalars(select(Instance.facts_sealed).where(Instance.id.in_(batch)))
            if facts is not None
        ]
    originals = ws.vault.identities.original_ids(identifier_ids, caller=CALLER, purpose=purpose)
    told = ws.vault.disclose(STAGING, sealed, caller=CALLER, purpose=purpose)
    found = {(IDENTIFIER, _UTF_8, patient_id.encode()) for _, patient_id in originals.values()}
    for text in told:
        found |= _of_facts(json.loads(text).get("identity") or {})
    return frozenset(found)


def _of_facts(identity: dict[str, Any]) -> set[Harvest]:
    values = [
        *((NAME, str(name)) for name in identity.get("names") or ()),
        *((IDENTIFIER, str(code)) for code in identity.get("ids") or ()),
        (BIRTH_DATE, str(identity.get("birth_date") or "")),
    ]
    return {(kind, _UTF_8, value.encode()) for kind, value in values if value.strip()}
