"""Plans: everything that decides what stage 1 or stage 2 makes of an object, compiled once."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from pacs2trial.errors import InputError
from pacs2trial.profile.choose import Choice
from pacs2trial.profile.filling import Filling
from pacs2trial.profile.methods import STAGING_METHOD, codes_of, trial_methods
from pacs2trial.profile.objections import Dates
from pacs2trial.profile.own_rules import OwnRules
from pacs2trial.profile.private import PrivateAttribute
from pacs2trial.profile.refusals import refusals
from pacs2trial.profile.rules import Rule, RuleSet, canonical_rules
from pacs2trial.profile.site_list import as_text
from pacs2trial.profile.structured import KEY_OBJECT_SELECTION, key_object_rules
from pacs2trial.profile.table import edition
from pacs2trial.profile.tree import rule_tree, rules_of_kind
from pacs2trial.profile.types import types_digest, types_of_class
from pacs2trial.profile.vocabulary import Vocabulary, vocabulary_digest
from pacs2trial.trials.definition import STAGING, Offset, Option, TrialDefinition
from pacs2trial.trials.rules import AttributeRule
from pacs2trial.trials.template import LOOKUP

ENGINE_FORMAT: Final = 1
"""Raised when the engine writes other bytes than before for the same plan and object."""

_STAGING_OPTIONS: Final = frozenset(
    (
        Option.CLEAN_DESCRIPTORS,
        Option.CLEAN_GRAPHICS,
        Option.CLEAN_STRUCTURED_CONTENT,
        Option.RETAIN_DEVICE_IDENTITY,
        Option.RETAIN_FULL_DATES,
        Option.RETAIN_INSTITUTION_IDENTITY,
        Option.RETAIN_PATIENT_CHARACTERISTICS,
        Option.RETAIN_SAFE_PRIVATE,
    )
)
PATIENT_NAME: Final = 0x00100010
PATIENT_ID: Final = 0x00100020
ISSUER: Final = 0x00100021
SITE_ID: Final = 0x00120030
SUBJECT_ID: Final = 0x00120040
IDENTITY_REMOVED: Final = 0x00120062
METHOD: Final = 0x00120063
METHOD_CODES: Final = 0x00120064
TEMPORAL: Final = 0x00280303
OFFSET: Final = 0x00120052
EVENT_TYPE: Final = 0x00120053

_ALWAYS_WRITTEN: Final = frozenset((IDENTITY_REMOVED, METHOD, METHOD_CODES, TEMPORAL))


@dataclass(frozen=True)
class Plan:
    """What one stage does with every attribute.

    Attributes:
        scope: STAGING or the trial.
        digest: SHA-256 of ``canonical``.
        canonical: everything that decides bytes, as JSON; what a run pins.
        choice: what was asked for.
        rule_set: the rules of the outermost level of an object of unknown kind, and what differs below it.
        texts: Clinical Trial attributes (PS3.3 C.7.1.3) with the text that is written, tag → text.
        methods: the texts appended to De-identification Method (0012,0063).
        codes: the codes of CID 7050 appended to (0012,0064).
        dates: what the plan makes of dates, as (0028,0303) says it.
        vocabulary: the allow-lists of Clean Descriptors; None in staging, where a description stays unless it holds
            one of the object's own identifiers.
        own: the rules of the trial's own, which are over those of ``rule_set``; None in staging.
        offset: from which event the days to each study are counted; None if they are not told.
    """

    scope: str
    digest: str
    canonical: bytes = field(repr=False, compare=False)
    choice: Choice = field(repr=False, compare=False)
    rule_set: RuleSet = field(repr=False, compare=False)
    texts: Mapping[int, str] = field(repr=False, compare=False)
    methods: tuple[str, ...] = field(repr=False, compare=False)
    codes: tuple[str, ...] = field(repr=False, compare=False)
    dates: Dates = field(repr=False, compare=False)
    vocabulary: Vocabulary | None = field(repr=False, compare=False)
    own: OwnRules | None = field(default=None, repr=False, compare=False)
    offset: Offset | None = field(default=None, repr=False, compare=False)

    @property
    def rules(self) -> Mapping[int, Rule]:
        """Tag → rule on the outermost level of an object of unknown kind; what is not in it is removed."""
        return self.rules_for("", "").tags

    def rules_for(self, sop_class: str, modality: str) -> RuleSet:
        """The rules for the outermost level of an object of this SOP Class UID and Modality (0008,0060)."""
        types = types_of_class(sop_class)
        kind = self.rule_set
        if types is not None:
            kind = _rules_of_kind(self.choice, self.rule_set, frozenset(types.items()))
        if sop_class == KEY_OBJECT_SELECTION:
            kind = key_object_rules(kind)
        return self.own.over(kind, sop_class, modality) if self.own else kind

    def filling(self, values: SubjectValues) -> Filling:
        """What fills the places of the rules that set, for one subject."""
        lookups = {f"{LOOKUP}{name}": answer for name, answer in values.lookups.items()}
        always = {"trial": self.scope, "site": self.texts.get(SITE_ID, ""), "subject_key": values.subject_key}
        return Filling(self.scope, {**values.columns, **lookups, **always})


@dataclass(frozen=True)
class SubjectValues:
    """What differs from subject to subject in stage 2.

    Attributes:
        subject_key: Clinical Trial Subject ID (0012,0040).
        patient_id: the patient's code in staging.
        date_shift: whole days by which dates move; used by plans that modify dates.
        columns: the free columns of the key table.
        lookups: the answers of the trial's look-ups, by name.
    """

    subject_key: str
    patient_id: str
    date_shift: int
    columns: Mapping[str, str]
    lookups: Mapping[str, str] = field(default_factory=dict, repr=False)


@lru_cache(maxsize=1024)
def _rules_of_kind(choice: Choice, tree: RuleSet, types: frozenset[tuple[int, int]]) -> RuleSet:
    return rules_of_kind(choice, tree, dict(types))


@lru_cache(maxsize=8)
def staging_plan(private: tuple[PrivateAttribute, ...] = ()) -> Plan:
    """The site's own plan for stage 1: what identifies directly goes, what an option may retain stays.

    Args:
        private: the site's own list of safe private attributes.
    """
    return _compile(
        STAGING,
        Choice(_STAGING_OPTIONS, staging=True, written=_ALWAYS_WRITTEN, birth_year=True, private=private),
        texts={},
        methods=(STAGING_METHOD,),
        codes=(),
        vocabulary=None,
    )


@lru_cache(maxsize=64)
def trial_plan(definition: TrialDefinition, private: tuple[PrivateAttribute, ...] = ()) -> Plan:
    """The plan of a trial for stage 2: the Basic Profile with the options of its definition.

    ``clean_pixel_data`` asks nothing of the header; its code 113101 belongs to objects whose pixels were cleaned.

    Args:
        definition: of the trial.
        private: the site's own list of safe private attributes.

    Raises:
        InputError: a rule of the definition cannot be carried out, or weakens the profile without saying why.
    """
    return plan_with(definition, frozenset(definition.profile.options), private)


def plan_with(definition: TrialDefinition, options: frozenset[str], private: tuple[PrivateAttribute, ...] = ()) -> Plan:
    """The plan that a trial would have with these options of PS3.15 E.3 in place of its own.

    The one way to a plan with Retain UIDs (``retain_uids``), for which no definition can ask.
    """
    texts = _clinical_trial(definition)
    profile = definition.profile
    choice = Choice(
        options,
        staging=False,
        written=_ALWAYS_WRITTEN | {SUBJECT_ID, *texts} | ({OFFSET, EVENT_TYPE} if profile.offset else set()),
        private=private,
        birth_year=profile.birth_date == "year",
        age_cap=profile.ages.cap if profile.ages else None,
    )
    plan = _compile(
        definition.trial,
        choice,
        texts=texts,
        methods=trial_methods(profile),
        codes=codes_of(options),
        vocabulary=Vocabulary(profile.roi_names, profile.descriptors.also),
        rules=profile.rules,
        offset=profile.offset,
    )
    problems = list(refusals(plan.own, plan.rule_set)) if plan.own else []
    if problems:
        raise InputError(*(f"{definition.place(location)}: {text}" for location, text in problems))
    return plan


def _compile(
    scope: str,
    choice: Choice,
    *,
    texts: Mapping[int, str],
    methods: tuple[str, ...],
    codes: tuple[str, ...],
    vocabulary: Vocabulary | None,
    rules: tuple[AttributeRule, ...] = (),
    offset: Offset | None = None,
) -> Plan:
    rule_set = rule_tree(choice)
    own = OwnRules(rules, staging_plan(choice.private).rule_set, _dates(choice)) if rules else None
    dates = own.dates_said(rule_set) if own else _dates(choice)
    content: dict[str, Any] = {
        "format": ENGINE_FORMAT,
        "scope": scope,
        "profile": f"DICOM PS3.15 {edition()} Table E.1-1",
        "options": sorted(choice.options),
        "site_private": as_text(choice.private),
        "rules": _digest(canonical_rules(rule_set)),
        "types": types_digest(),
        "texts": {f"{tag:08X}": text for tag, text in sorted(texts.items())},
        "methods": methods,
        "codes": codes,
        "dates": dates,
        "age_cap": choice.age_cap,
        "vocabulary": vocabulary_digest(),
        "roi_names": vocabulary.roi_names.model_dump(mode="json") if vocabulary else None,
        "offset": offset.model_dump(mode="json", exclude={"because"}) if offset else None,
        "own_rules": own.canonical() if own else [],
        "descriptors": vocabulary.descriptors if vocabulary else None,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(canonical).hexdigest()
    return Plan(scope, digest, canonical, choice, rule_set, texts, methods, codes, dates, vocabulary, own, offset)


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def _dates(choice: Choice) -> Dates:
    if choice.has(Option.RETAIN_FULL_DATES):
        return "UNMODIFIED"
    return "MODIFIED" if choice.has(Option.RETAIN_MODIFIED_DATES) else "REMOVED"


def _clinical_trial(definition: TrialDefinition) -> dict[int, str]:
    """The Clinical Trial Subject module (PS3.3 C.7.1.3) less the subject, and the trial as issuer of patient IDs."""
    return {
        ISSUER: definition.trial,
        0x00120010: _plain(definition.sponsor) or definition.trial,
        0x00120020: _plain(definition.protocol) or definition.trial,
        0x00120021: _plain(definition.title),
        SITE_ID: _plain(definition.site.id),
        0x00120031: _plain(definition.site.name),
    }


def _plain(text: str) -> str:
    """``text`` as a value of VR LO that any character set can hold: letters lose their marks, 64 characters stay."""
    letters = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("\\", "/"))
    return letters.encode("ascii", "ignore").decode("ascii").strip()[:64].strip()
