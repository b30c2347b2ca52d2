"""What stays of how old the patient is: ages, and the year of birth."""

from __future__ import annotations

from pacs2trial.deidentify.compiled import Apply, Result
from pacs2trial.deidentify.dates import capped_ages, kept_year, years_between
from pacs2trial.deidentify.keeping import without
from pacs2trial.deidentify.padding import PADDING
from pacs2trial.deidentify.walk import Walk
from pacs2trial.profile.plan import Plan
from pacs2trial.profile.rules import Rule


def keep_capped(rule: Rule, cap: int) -> Apply:
    """Keeps ages of up to ``cap`` years; a greater one becomes ``cap`` + 1."""
    fallback = without(rule)

    def keep(_walk: Walk, value: bytes) -> Result:
        stripped = value.rstrip(PADDING)
        kept = capped_ages(stripped, cap)
        return fallback if kept is None else value if kept == stripped else kept

    return keep


def keep_year(_tag: int, _rule: Rule, plan: Plan) -> Apply:
    """Keeps the patient's year of birth; that of somebody else, within a sequence, is emptied.

    Where ages are capped the year goes when it tells of a greater age, or when the object has no date to tell by.
    """
    cap, moves = plan.choice.age_cap, plan.dates == "MODIFIED"

    def keep(walk: Walk, value: bytes) -> Result:
        stripped = value.strip(PADDING)
        if walk.level or not stripped or (cap is not None and not _is_young(walk, stripped, cap)):
            return value if not value else b""
        kept = kept_year(stripped, walk.days if moves else 0) or b""
        return value if kept == value else kept

    return keep


def _is_young(walk: Walk, birth_date: bytes, cap: int) -> bool:
    years = [years_between(birth_date, day) for day in walk.asked.dates]
    known = [one for one in years if one is not None]
    return bool(known) and max(known) <= cap
