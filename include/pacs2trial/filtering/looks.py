"""Whether the pixels of an object are to be looked at, by which rule, and what is wiped whatever is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pacs2trial.filtering.masks import DeviceMask, known_areas
from pacs2trial.filtering.pixel_decisions import Decided
from pacs2trial.filtering.site_rules import site_verdict, worth_a_look
from pacs2trial.pixels.areas import Area
from pacs2trial.trials.definition import Option, TrialDefinition
from pacs2trial.trials.filter import FilterRule, Then

SITE_MASK = "mask of this site"
OPTION = "clean_pixel_data"


@dataclass(frozen=True)
class Look:
    """An instance whose pixels are to be looked at; ``areas`` are wiped besides what is found."""

    instance_id: int
    rule: str
    areas: tuple[Area, ...] = ()


def look_at(
    instance_id: int,
    facts: Mapping[str, Any],
    definition: TrialDefinition,
    rule: FilterRule | None,
    named: str,
    masks: Sequence[DeviceMask],
) -> Look | None:
    """What has to be looked at before a trial gets an object; None if nothing, or a person alone decides.

    A trial's rule says so; else, of what the site suspects, a mask of the site for this device, or the trial's option
    ``clean_pixel_data``, which also asks for what is worth a look. A rule that holds or accepts an object leaves what
    the site suspects to a person.
    """
    if not facts.get("pixel_data", True):
        return None
    own = tuple(sorted({area for mask in masks if mask.fits(facts) for area in mask.areas}))
    known = {*own, *known_areas(facts)}
    if rule is not None:
        if rule.then is Then.DETECT:
            return Look(instance_id, named, tuple(sorted(known)))
        if rule.then is Then.MASK:
            areas = {Area(one.left, one.top, one.width, one.height, one.first, one.last) for one in rule.areas}
            return Look(instance_id, named, tuple(sorted(areas | known)))
        return None
    trusted = site_verdict(facts).action == "accept"
    if trusted and not worth_a_look(facts):
        return None
    if own and not trusted:
        return Look(instance_id, SITE_MASK, tuple(sorted(known)))
    if Option.CLEAN_PIXEL_DATA in definition.profile.options:
        return Look(instance_id, OPTION, tuple(sorted(known)))
    return None


def standing(decided: Decided, detector: str) -> bool:
    """Whether a hold stands: a person made it, or what looks for text here is what it was."""
    return decided.outcome == "hold" and (bool(decided.decided_by) or decided.detector == detector)
