"""How an object says what was done to it: De-identification Method (0012,0063) and its codes (PS3.15 E.1.1, E.3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from pacs2trial.profile.table import RETAIN_UIDS
from pacs2trial.trials.definition import Option, Profile

STAGING_METHOD: Final = "pacs2trial staging: direct identifiers and UIDs replaced"
TRIAL_METHOD: Final = "pacs2trial: PS3.15 Basic Profile with options as coded"
BIRTH_YEAR_METHOD: Final = "pacs2trial: year of birth kept"
AGE_CAP_METHOD: Final = "pacs2trial: great ages capped"

OWN_METHODS: Final = frozenset((STAGING_METHOD, TRIAL_METHOD, BIRTH_YEAR_METHOD, AGE_CAP_METHOD))
"""Every text that pacs2trial itself writes; a trial takes over no other words."""

BASIC_PROFILE: Final = "113100"
CLEAN_PIXEL_DATA: Final = "113101"
"""Belongs to an object whose pixels were cleaned, not to a plan: whoever cleans them adds it to the staged object, and
stage 2 keeps the codes that an object brings."""
CLEAN_VISUAL_FEATURES: Final = "113102"

METHOD_CODES: Final[Mapping[str, str]] = {
    Option.CLEAN_GRAPHICS: "113103",
    Option.CLEAN_STRUCTURED_CONTENT: "113104",
    Option.CLEAN_DESCRIPTORS: "113105",
    Option.RETAIN_FULL_DATES: "113106",
    Option.RETAIN_MODIFIED_DATES: "113107",
    Option.RETAIN_PATIENT_CHARACTERISTICS: "113108",
    Option.RETAIN_DEVICE_IDENTITY: "113109",
    RETAIN_UIDS: "113110",
    Option.RETAIN_SAFE_PRIVATE: "113111",
    Option.RETAIN_INSTITUTION_IDENTITY: "113112",
}
"""Option → code of CID 7050. Clean Pixel Data is not among them: it is said of an object, not of a plan."""

CODE_MEANINGS: Final[Mapping[str, str]] = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113102": "Clean Recognizable Visual Features Option",
    "113103": "Clean Graphics Option",
    "113104": "Clean Structured Content Option",
    "113105": "Clean Descriptors Option",
    "113106": "Retain Longitudinal Temporal Information Full Dates Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113109": "Retain Device Identity Option",
    "113110": "Retain UIDs Option",
    "113111": "Retain Safe Private Option",
    "113112": "Retain Institution Identity Option",
}
"""CID 7050 of PS3.16, coding scheme DCM."""


def codes_of(options: Collection[str]) -> tuple[str, ...]:
    """The codes of a plan, ascending: the Basic Profile, and each option."""
    return (BASIC_PROFILE, *sorted(METHOD_CODES[option] for option in options if option in METHOD_CODES))


def trial_methods(profile: Profile) -> tuple[str, ...]:
    """The texts of a trial's plan: the profile, and what the codes cannot say."""
    return (
        TRIAL_METHOD,
        *((BIRTH_YEAR_METHOD,) if profile.birth_date == "year" else ()),
        *((AGE_CAP_METHOD,) if profile.ages else ()),
    )
