"""``filter:`` of a trial: rules by header, what is wanted, what is given on request, faces, people's answers."""

from __future__ import annotations

from typing import Any

import pytest

from pacs2trial.clearance.held import decide_held, held_series
from pacs2trial.errors import InputError
from pacs2trial.filtering.faces import RULE as FACES
from pacs2trial.filtering.mask_rules import make_mask_rule, mask_rules
from pacs2trial.filtering.masks import known_masks
from pacs2trial.filtering.outcome import Lacking, SetAside, lacking, set_aside
from pacs2trial.filtering.site_rules import PIXEL_RULES, SITE_RULES
from pacs2trial.pixels.areas import Area
from pacs2trial.vault.tables import InstanceState, Judgement
from support.filter_bench import ROW, TRIAL, Bench

DOSE_SR = "1.2.840.10008.5.1.4.1.1.88.67"
PRESENTATION = "1.2.840.10008.5.1.4.1.1.11.1"
HEAD = {
    "body_part": "HEAD",
    "pixel_spacing": "0.9\\0.9",
    "orientation": "1\\0\\0\\0\\1\\0",
    "rows": 256,
    "columns": 256,
}


@pytest.fixture
def enrolled_bench(bench: Bench) -> Bench:
    bench.enrol(ROW)
    return bench


def rules(*given: dict[str, Any]) -> dict[str, Any]:
    return {"filter": {"rules": list(given)}}


@pytest.mark.parametrize(
    "condition",
    [
        {"manufacturer": "acme*"},
        {"manufacturer": ["Other", "ACME ?ORP"]},
        {"sop_class": "CTImageStorage"},
        {"image_type": "LOCALIZER"},
        {"series_description": "*scout*", "rows": 64},
        {"rows": {"at_most": 64}, "columns": {"at_least": 128}},
        {"slice_thickness": {"at_least": 5}},
        {"pixel_spacing": {"at_least": 2}},
        {"burned_in": "NO", "model": "*", "body_part": "CHEST"},
    ],
)
def test_a_rule_speaks_of_what_the_original_header_says(enrolled_bench: Bench, condition: dict[str, Any]) -> None:
    enrolled_bench.define(**rules({**condition, "then": "reject", "name": "scouts"}))
    said = {
        "manufacturer": "ACME Corp",
        "model": "X",
        "image_type": ["ORIGINAL", "PRIMARY", "LOCALIZER"],
        "series_description": "A Scout view",
        "columns": 128,
        "slice_thickness": "5.0",
        "pixel_spacing": "1.0\\2.0",
        "burned_in": "NO",
        "body_part": "CHEST",
    }
    meant = enrolled_bench.arrive(1, **said)
    other = enrolled_bench.arrive(2, sop_class="1.2.840.10008.5.1.4.1.1.4", columns=32)
    done = enrolled_bench.filter()
    assert done.reasons == {"scouts": 1}
    assert enrolled_bench.judgements() == {meant: Judgement.REJECTED, other: Judgement.ACCEPTED}


def test_the_first_rule_that_fits_decides(enrolled_bench: Bench) -> None:
    enrolled_bench.define(**rules({"model": "A", "then": "accept"}, {"modality": "CT", "then": "hold"}))
    enrolled_bench.arrive(1, model="A")
    enrolled_bench.arrive(2, model="B")
    done = enrolled_bench.filter()
    assert (done.accepted, done.reasons) == (1, {"filter.rules[1]": 1})


def test_a_changed_rule_is_applied_without_the_object(enrolled_bench: Bench) -> None:
    enrolled_bench.arrive(1, slice_thickness="5")
    assert enrolled_bench.filter().accepted == 1
    enrolled_bench.define(**rules({"slice_thickness": 5, "then": "reject"}))
    assert enrolled_bench.filter().rejected == 1


def test_a_trial_s_rule_does_not_let_in_what_the_site_suspects(enrolled_bench: Bench) -> None:
    enrolled_bench.define("US", **rules({"modality": "US", "then": "accept"}))
    enrolled_bench.arrive(1, modality="US", state=InstanceState.QUARANTINED)
    assert enrolled_bench.filter().reasons == {"quarantine: ultrasound": 1}


def test_what_wants_a_look_is_named_with_its_areas(enrolled_bench: Bench) -> None:
    enrolled_bench.define(**rules({"modality": "CT", "then": "mask", "areas": ["0,0,10,5"], "name": "corner"}))
    enrolled_bench.arrive(1, pixel_data=True)
    done = enrolled_bench.filter()
    (look,) = done.looks
    assert (look.rule, look.areas, done.reasons) == ("corner", (Area(0, 0, 10, 5),), {"corner: not looked at yet": 1})


def test_only_what_is_wanted_comes_and_the_rest_is_counted(enrolled_bench: Bench) -> None:
    wanted = [{"modality": "CT", "slice_thickness": {"at_most": 3}}, {"modality": "RTDOSE"}]
    enrolled_bench.define(filter={"wanted": wanted})
    enrolled_bench.arrive(1, slice_thickness="3.0")
    enrolled_bench.arrive(2, slice_thickness="5.0")
    enrolled_bench.arrive(3)
    done = enrolled_bench.filter()
    assert (done.accepted, done.reasons) == (1, {"filter.wanted: nothing asks for it": 2})
    aside = SetAside("LA-001", Judgement.NOT_WANTED, "filter.wanted: nothing asks for it", 2)
    assert set_aside(enrolled_bench.ws.vault, TRIAL) == [aside]


def test_dose_reports_and_presentation_states_come_only_when_they_are_asked_for(enrolled_bench: Bench) -> None:
    enrolled_bench.define("SR")
    enrolled_bench.arrive(1, modality="SR", sop_class=DOSE_SR)
    enrolled_bench.arrive(2, modality="PR", sop_class=PRESENTATION)
    assert enrolled_bench.filter().not_wanted == 2
    enrolled_bench.define("SR", "PR", **rules({"sop_class": "XRayRadiationDoseSRStorage", "then": "accept"}))
    assert enrolled_bench.filter().accepted == 2


def head(bench: Bench, *, number: int = 30, step: float = 2.0, **facts: Any) -> None:
    for place in range(number):
        bench.arrive(place, position=f"0\\0\\{place * step}", **(HEAD | facts))


def test_a_head_from_which_a_face_could_be_made_out_is_held(enrolled_bench: Bench) -> None:
    head(enrolled_bench)
    assert enrolled_bench.filter().reasons == {FACES: 30}
    enrolled_bench.define(filter={"faces": {"then": "accept", "because": "dose to the face is studied"}})
    assert enrolled_bench.filter().accepted == 30


@pytest.mark.parametrize(
    "facts",
    [
        {"body_part": "CHEST"},
        {"step": 8.0},
        {"pixel_spacing": "3\\3"},
        {"number": 10},
        {"image_type": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        {"body_part": "", "rows": 512, "columns": 512, "series_description": "Planning"},
    ],
)
def test_what_shows_no_face_is_not_held(enrolled_bench: Bench, facts: dict[str, Any]) -> None:
    head(enrolled_bench, **facts)
    assert enrolled_bench.filter().held == 0


@pytest.mark.parametrize("facts", [{"body_part": ""}, {"body_part": "", "series_description": "Kopf nativ"}])
def test_a_head_that_is_not_called_so_is_known_by_its_size_or_another_word(
    enrolled_bench: Bench, facts: dict[str, Any]
) -> None:
    head(enrolled_bench, **facts)
    assert enrolled_bench.filter().held == 30


def test_a_person_releases_or_rejects_a_held_series_for_one_trial(enrolled_bench: Bench) -> None:
    head(enrolled_bench, number=26)
    enrolled_bench.filter()
    ws = enrolled_bench.ws
    definition = ws.definition(TRIAL)
    (held,) = held_series(ws, definition)
    assert (held.subject_key, held.rule, held.instances) == ("LA-001", FACES, 26)
    with pytest.raises(InputError, match="reason"):
        decide_held(ws, definition, held.token, accept=True, reason="", actor="ann")
    decide_held(ws, definition, held.token, accept=True, reason="mask of the skull only", actor="ann")
    assert enrolled_bench.filter().accepted == 26
    assert ws.vault.audit.verify_chain() == []


def test_a_rejected_series_stays_rejected(enrolled_bench: Bench) -> None:
    enrolled_bench.define(**rules({"modality": "CT", "then": "hold", "name": "ask"}))
    enrolled_bench.arrive(1)
    enrolled_bench.filter()
    definition = enrolled_bench.ws.definition(TRIAL)
    (held,) = held_series(enrolled_bench.ws, definition)
    decide_held(enrolled_bench.ws, definition, held.token, accept=False, reason="not ours", actor="ann")
    assert enrolled_bench.filter().reasons == {"a person: ask": 1}


def test_a_missing_modality_is_told_or_holds_the_subject(enrolled_bench: Bench) -> None:
    enrolled_bench.define(filter={"require": {"modalities": ["CT", "RTPLAN"]}})
    enrolled_bench.arrive(1)
    done = enrolled_bench.filter()
    assert (done.accepted, done.gaps) == (1, {"no RTPLAN": 1})
    assert lacking(enrolled_bench.ws.vault, TRIAL) == [Lacking("LA-001", "no RTPLAN", 1)]
    enrolled_bench.define(filter={"require": {"modalities": ["CT", "RTPLAN"], "otherwise": "hold"}})
    assert enrolled_bench.filter().reasons == {"filter.require: no RTPLAN": 1}
    enrolled_bench.arrive(2, modality="RTPLAN")
    done = enrolled_bench.filter()
    assert (done.accepted, done.gaps) == (2, {})


def test_mask_rules_of_the_site_are_versioned_and_the_newest_counts(bench: Bench) -> None:
    vault = bench.ws.vault
    device = {"manufacturer": "ACME", "model": "SONO 1", "rows": 480, "columns": 640, "actor": "ann"}
    first = make_mask_rule(vault, areas=[Area(0, 0, 640, 40)], reason="name on top", **device)
    second = make_mask_rule(vault, areas=[Area(0, 0, 640, 50)], reason="a little more", **device)
    (rule,) = mask_rules(vault)
    assert (first, second, rule.version, rule.areas) == (1, 2, 2, (Area(0, 0, 640, 50),))
    make_mask_rule(vault, areas=[], reason="the device is gone", **device)
    assert mask_rules(vault) == []
    with pytest.raises(InputError, match="no mask rule"):
        make_mask_rule(vault, areas=[], reason="again", **device)


def test_a_mask_rule_of_the_site_asks_for_a_look_in_every_trial(enrolled_bench: Bench) -> None:
    device = {"manufacturer": "ACME", "model": "SONO", "rows": 64, "columns": 64}
    make_mask_rule(enrolled_bench.ws.vault, areas=[Area(0, 0, 64, 8)], reason="name on top", actor="ann", **device)
    enrolled_bench.define("US")
    said = {"manufacturer": "acme", "model": "Sono", "columns": 64}
    enrolled_bench.arrive(1, modality="US", state=InstanceState.QUARANTINED, **said)
    (look,) = enrolled_bench.filter().looks
    assert look.areas == (Area(0, 0, 64, 8),)


def test_every_known_mask_names_device_area_and_source() -> None:
    for mask in known_masks():
        assert mask.manufacturer and mask.model and mask.areas and mask.source, mask


def test_only_suspicion_about_text_can_be_settled_by_looking_for_text() -> None:
    never = {"encapsulated-document", "video", "audio", "raw-data", "embedded-overlay", "visible-light"}
    assert not PIXEL_RULES & never
    assert never <= {rule.name for rule in SITE_RULES}


@pytest.mark.parametrize(
    ("said", "looked"),
    [
        ({"image_type": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, 1),
        ({"modality": "XA"}, 1),
        ({"modality": "MR", "image_type": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, 0),
        ({"image_type": ["ORIGINAL", "PRIMARY", "AXIAL"]}, 0),
    ],
)
def test_clean_pixel_data_also_means_staged_projections_and_surveys(
    enrolled_bench: Bench, said: dict[str, Any], looked: int
) -> None:
    enrolled_bench.define("CT", "MR", "XA", profile={"options": ["clean_pixel_data"]})
    enrolled_bench.arrive(1, **said)
    done = enrolled_bench.filter()
    assert [look.rule for look in done.looks] == ["clean_pixel_data"] * looked
    enrolled_bench.define("CT", "MR", "XA")
    assert enrolled_bench.filter().looks == ()
