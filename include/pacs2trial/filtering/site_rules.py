"""The site's rules: which objects stage 1 does not trust, told from the original header before anything is replaced.

An object that may carry a name in its pixels, in an encapsulated document, in speech or in private content goes to
quarantine; a private SOP class is refused. What is suspected for text in its pixels alone can be let in once they were
looked at (:mod:`pacs2trial.clearance`); anything else waits for a person. The flag Burned In Annotation (0028,0301) can
only make things worse: NO proves nothing, so an ultrasound image waits whatever its flag says.

SOP Class UIDs: PS3.4 B.5; transfer syntaxes: PS3.5 chapter 10; Conversion Type: PS3.3 C.8.6.1; Image Type: PS3.3
C.7.6.1.1.2; Photometric Interpretation: PS3.3 C.7.6.3.1.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pacs2trial.dicomfile.dictionary import storage_classes
from pacs2trial.dicomfile.syntaxes import VIDEO

Action = Literal["accept", "quarantine", "reject"]
Facts = Mapping[str, Any]

_STANDARD = "1.2.840.10008."
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_ULTRASOUND_CLASSES = {_STORAGE + tail for tail in ("3", "3.1", "6", "6.1", "6.2", "6.3")}
_SECONDARY_CAPTURE_CLASSES = {_STORAGE + tail for tail in ("7", "7.1", "7.2", "7.3", "7.4")}
_VIDEO_CLASSES = {_STORAGE + tail for tail in ("77.1.1.1", "77.1.2.1", "77.1.4.1")}
_AUDIO_CLASSES = {_STORAGE + tail for tail in ("9.4.1", "9.4.2")}
_DOSE_REPORT_CLASSES = {_STORAGE + tail for tail in ("88.67", "88.68", "88.73", "88.76")}
_RAW_DATA_CLASS = _STORAGE + "66"
_ULTRASOUND_MODALITIES = {"US", "IVUS", "BDUS", "EC"}
_SCREEN_MODALITIES = {"OT", "SC", "DOC", "HC"}
_DIGITISED = {"DF", "SD", "DRW"}
_PROJECTIONS = {"CR", "DX", "IO", "MG", "PX", "RF", "RG", "XA"}
_SURVEYS = {"LOCALIZER", "SCOUT", "SURVIEW", "TOPOGRAM"}
_GREY = {"", "MONOCHROME1", "MONOCHROME2"}
_SCREEN_TYPES = re.compile(r"SCREEN ?(SAVE|SHOT)|CAPTURE|\bPASTED\b|(PATIENT|DOSE)[_ ]INFO", re.IGNORECASE)
_SCREEN_SERIES = re.compile(
    r"patient\s*protocol|patienten\s*protokoll|protocole\s*(du\s*)?patient|protocolo\s*(del\s*)?paciente"
    r"|dose\s*(report|info|record|summary)|dosis\s*(bericht|protokoll|info)|rapport\s*de\s*dose|informe\s*de\s*dosis"
    r"|screen\s*(save|shot|capture)|bildschirm\s*(foto|kopie)"
    r"|exam(ination)?\s*(protocol|summary)|untersuchungs\s*protokoll",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Verdict:
    """What the site does with an object; ``rule`` names the rule that decided, empty for ``accept``."""

    action: Action
    rule: str = ""


@dataclass(frozen=True)
class SiteRule:
    """One rule: its name, what it does, and whether it applies to the facts of an object.

    ``pixels`` tells that the suspicion is about text in the pixels and nothing else.
    """

    name: str
    action: Action
    applies: Callable[[Facts], bool]
    pixels: bool = False


def _text(facts: Facts, name: str) -> str:
    return str(facts.get(name) or "").strip()


def _texts(facts: Facts, name: str) -> Iterable[str]:
    value = facts.get(name) or ()
    return [value] if isinstance(value, str) else [str(one) for one in value]


def _class_in(classes: set[str]) -> Callable[[Facts], bool]:
    return lambda facts: _text(facts, "sop_class") in classes


def _class_begins(prefix: str) -> Callable[[Facts], bool]:
    return lambda facts: _text(facts, "sop_class").startswith(prefix)


def _modality_in(modalities: set[str]) -> Callable[[Facts], bool]:
    return lambda facts: _text(facts, "modality").upper() in modalities


def _is_private_class(facts: Facts) -> bool:
    return not _text(facts, "sop_class").startswith(_STANDARD)


def _is_unknown_class(facts: Facts) -> bool:
    return _text(facts, "sop_class") not in storage_classes()


def _is_screen(facts: Facts) -> bool:
    """A screen save by Image Type or by what its series is called. RT images may be called anything."""
    if any(_SCREEN_TYPES.search(value) for value in _texts(facts, "image_type")):
        return True
    has_pixels = bool(facts.get("rows"))
    return has_pixels and bool(_SCREEN_SERIES.search(_text(facts, "series_description")))


def _is_survey(facts: Facts) -> bool:
    return any(value.strip().upper() in _SURVEYS for value in _texts(facts, "image_type"))


def _says_burned_in(facts: Facts) -> bool:
    return _text(facts, "burned_in").upper() == "YES"


def _is_digitised(facts: Facts) -> bool:
    return _text(facts, "conversion_type").upper() in _DIGITISED


def _is_converted(facts: Facts) -> bool:
    """Conversion Type marks a secondary capture everywhere but in RT images, where it is a required attribute."""
    return bool(_text(facts, "conversion_type")) and _text(facts, "modality").upper() != "RTIMAGE"


def _is_coloured(facts: Facts) -> bool:
    """Colour in cross-sectional images is drawn by a workstation; a label map's palette (SEG) is not."""
    return _text(facts, "photometric").upper() not in _GREY and _text(facts, "modality").upper() != "SEG"


SITE_RULES: tuple[SiteRule, ...] = (
    SiteRule("private-sop-class", "reject", _is_private_class),
    SiteRule("unknown-sop-class", "quarantine", _is_unknown_class),
    SiteRule("encapsulated-document", "quarantine", _class_begins(_STORAGE + "104.")),
    SiteRule("video", "quarantine", _class_in(_VIDEO_CLASSES)),
    SiteRule("video", "quarantine", lambda facts: _text(facts, "transfer_syntax") in VIDEO),
    SiteRule("audio", "quarantine", _class_in(_AUDIO_CLASSES)),
    SiteRule("audio", "quarantine", _modality_in({"AU"})),
    SiteRule("ultrasound", "quarantine", _class_in(_ULTRASOUND_CLASSES), pixels=True),
    SiteRule("ultrasound", "quarantine", _modality_in(_ULTRASOUND_MODALITIES), pixels=True),
    SiteRule("secondary-capture", "quarantine", _class_in(_SECONDARY_CAPTURE_CLASSES), pixels=True),
    SiteRule("secondary-capture", "quarantine", _modality_in(_SCREEN_MODALITIES), pixels=True),
    SiteRule("visible-light", "quarantine", _class_begins(_STORAGE + "77.1.")),
    SiteRule("raw-data", "quarantine", _class_in({_RAW_DATA_CLASS})),
    SiteRule("burned-in-annotation", "quarantine", _says_burned_in, pixels=True),
    SiteRule("embedded-overlay", "quarantine", lambda facts: bool(facts.get("embedded_overlay"))),
    SiteRule("screen-save", "quarantine", _is_screen, pixels=True),
    SiteRule("digitised", "quarantine", _is_digitised, pixels=True),
    SiteRule("converted", "quarantine", _is_converted, pixels=True),
    SiteRule("colour", "quarantine", _is_coloured, pixels=True),
)
"""The rules in their order; the first that applies decides."""


PIXEL_RULES = frozenset(rule.name for rule in SITE_RULES if rule.pixels)
"""Rules by which only text in the pixels is suspected."""

ON_REQUEST: tuple[SiteRule, ...] = (
    SiteRule("presentation-state", "accept", _class_begins(_STORAGE + "11.")),
    SiteRule("dose-report", "accept", _class_in(_DOSE_REPORT_CLASSES)),
)
"""What is taken in, but given to a trial only if a rule of its filter asks for it (or, of presentation states, if it
lists their modality): notes on images, and tables of how they were made."""


WORTH_A_LOOK: tuple[SiteRule, ...] = (
    SiteRule("projection", "accept", _modality_in(_PROJECTIONS)),
    SiteRule("survey", "accept", lambda facts: _text(facts, "modality").upper() == "CT" and _is_survey(facts)),
)
"""What is trusted, although letters are sometimes written into it: X-ray projections and the survey images of CT. A
trial with the option ``clean_pixel_data`` has it looked at."""


SEEN_RULES = PIXEL_RULES | {"visible-light"}
"""Rules whose suspicion a person can settle by looking at the picture."""


def obstacle(facts: Facts, settled: Collection[str] = PIXEL_RULES) -> str:
    """The first rule by which an object is not let in although all of ``settled`` were seen to; empty if none does."""
    return next((rule.name for rule in SITE_RULES if rule.name not in settled and rule.applies(facts)), "")


def asked_only(facts: Facts) -> str:
    """The rule of :data:`ON_REQUEST` that an object falls under; empty if none."""
    return next((rule.name for rule in ON_REQUEST if rule.applies(facts)), "")


def worth_a_look(facts: Facts) -> bool:
    """Whether a rule of :data:`WORTH_A_LOOK` applies."""
    return any(rule.applies(facts) for rule in WORTH_A_LOOK)


def site_verdict(facts: Facts) -> Verdict:
    """What the site's rules say about an object with these facts (``Outermost.facts`` of deidentify).

    An object without a SOP class is refused with the private ones: nothing vouches for it (promise 9).
    """
    for rule in SITE_RULES:
        if rule.applies(facts):
            return Verdict(rule.action, rule.name)
    return Verdict("accept")
