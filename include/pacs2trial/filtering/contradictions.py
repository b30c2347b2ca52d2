"""Whether the studies of a subject tell of one person: a patient ID with two birth dates, or two sexes, is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pacs2trial.filtering.trial_rules import Candidate
from pacs2trial.keytable.studies import Answer

TWO_BIRTH_DATES = "the subject's studies name two birth dates"
TWO_SEXES = "the subject's studies name two sexes"


def contradicted(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates, each with what it contradicts.

    A study that a person gave to the subject tells what is right, and whatever says otherwise contradicts it. Without
    such a study nobody can know which is right, and all contradict each other. A study that was left out says nothing;
    nor does an absent value, or a sex other than M and F (PS3.3 C.7.1.1).
    """
    found = list(candidates)
    for rule, trait in ((TWO_BIRTH_DATES, _birth_date), (TWO_SEXES, _sex)):
        heard = {trait(one) for one in found if one.answer is not Answer.LEFT_OUT} - {""}
        right = {trait(one) for one in found if one.answer is Answer.BELONGS} | {""}
        if len(heard) > 1:
            found = [one if trait(one) in right else replace(one, contradiction=rule) for one in found]
    return found


def _birth_date(candidate: Candidate) -> str:
    """As ``YYYYMMDD``; old objects write it with dots (PS3.5 6.2, DA)."""
    text = _said(candidate, "birth_date").replace(".", "")
    return text if len(text) == 8 and text.isdecimal() else ""


def _sex(candidate: Candidate) -> str:
    sex = _said(candidate, "sex").upper()
    return sex if sex in {"M", "F"} else ""


def _said(candidate: Candidate, name: str) -> str:
    identity = (candidate.facts or {}).get("identity") or {}
    return str(identity.get(name) or "").strip()
