"""Rules of their own for the items of a sequence, written values at any level, and rules chosen item by item."""

from __future__ import annotations

from dataclasses import replace

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial.deidentify import deidentify
from pacs2trial.deidentify.compiled import ItemOperations, OnDemand, Operations
from pacs2trial.deidentify.judge import judge_of
from pacs2trial.deidentify.memory import walk_header
from pacs2trial.deidentify.operations import operations_of
from pacs2trial.deidentify.walk import Walk
from pacs2trial.dicomfile.encoding import split_dataset
from pacs2trial.profile import Action, ItemRules, Plan, Rule, RuleSet, staging_plan
from pacs2trial.profile.rules import canonical_rules
from support.objects import PATIENT_ID, TableOfPseudonyms, ct_slice, encoded
from support.stages import PATIENT_CODE, file_of, reread, stage1

CODES = 0x00082218  # Anatomic Region Sequence
DESCRIPTION = 0x00081030
LABEL = 0x00200010


def region(*meanings: str) -> Dataset:
    ds = ct_slice()
    ds.AnatomicRegionSequence = Sequence([item(meaning) for meaning in meanings])
    return ds


def item(meaning: str) -> Dataset:
    one = Dataset()
    one.CodeValue, one.CodingSchemeDesignator, one.CodeMeaning = "T-28000", "SRT", meaning
    return one


def with_rules(**changes: object) -> Plan:
    plan = staging_plan()
    return replace(plan, rule_set=replace(plan.rule_set, **changes))  # type: ignore[arg-type]


def made(ds: Dataset, plan: Plan, *, implicit: bool = False) -> Dataset:
    return reread(_made(ds, plan, implicit=implicit))


def _made(ds: Dataset, plan: Plan, *, implicit: bool = False):
    obj = split_dataset(encoded(ds, implicit=implicit), "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1")
    return deidentify(obj, plan, TableOfPseudonyms(), patient=PATIENT_CODE)


def test_items_without_rules_of_their_own_follow_those_of_their_level() -> None:
    assert file_of(_made(region("Lung"), with_rules(inside={}))) == file_of(stage1(region("Lung")))


def test_rules_inside_hold_for_the_items_and_below_and_nowhere_else() -> None:
    inner = RuleSet({0x00080104: Rule(Action.KEEP, b"LO", Action.EMPTY, "CodeMeaning")})
    ds = region("Lung")
    ds.ReferencedImageSequence[0].PurposeOfReferenceCodeSequence = Sequence([item("Lung")])
    found = made(ds, with_rules(inside={CODES: inner}))
    assert [str(element.keyword) for element in found.AnatomicRegionSequence[0]] == ["CodeMeaning"]
    assert "CodeValue" in found.ReferencedImageSequence[0].PurposeOfReferenceCodeSequence[0]


def test_written_values_stand_in_every_item_whatever_it_brought() -> None:
    base = staging_plan().rule_set
    tags = {**base.tags, LABEL: Rule(Action.WRITE, b"SH", Action.EMPTY, "StudyID", text="P 7")}
    inner = RuleSet(tags, written=(LABEL,))
    ds = region("Lung", "Heart")
    ds.AnatomicRegionSequence[1].StudyID = "ZZPHI"
    for implicit in (False, True):
        found = made(ds, with_rules(inside={CODES: inner}), implicit=implicit)
        assert [one.StudyID for one in found.AnatomicRegionSequence] == ["P 7", "P 7"]
        assert [one.CodeMeaning for one in found.AnatomicRegionSequence] == ["Lung", "Heart"]


def test_nothing_is_written_below_a_level_that_is_written() -> None:
    found = made(region("Lung"), staging_plan())
    assert found.PatientID == PATIENT_CODE
    assert "PatientID" not in found.AnatomicRegionSequence[0]


def test_written_values_stand_in_an_item_that_was_empty() -> None:
    inner = RuleSet({LABEL: Rule(Action.WRITE, b"SH", Action.EMPTY, "StudyID", text="P")}, written=(LABEL,))
    ds = ct_slice()
    ds.AnatomicRegionSequence = Sequence([Dataset()])
    assert made(ds, with_rules(inside={CODES: inner})).AnatomicRegionSequence[0].StudyID == "P"


def walked(ds: Dataset, operations: Operations, *, implicit: bool) -> tuple[Walk, list[object]]:
    walk = Walk(encoded(ds, implicit=implicit), operations, judge_of(frozenset(), staging_plan()))
    return walk, list(walk_header(walk, (), implicit=implicit))


def undefined(ds: Dataset) -> Dataset:
    ds["AnatomicRegionSequence"].is_undefined_length = True
    for one in ds.AnatomicRegionSequence:
        one.is_undefined_length_sequence_item = True
    return ds


def test_items_are_chosen_by_what_they_hold_and_the_others_dropped() -> None:
    plan = staging_plan()
    base = operations_of(plan, "", "")
    seen: list[bytes] = []

    def choose(header: bytes, start: int, stop: int, implicit: bool) -> Operations | None:
        seen.append(header[start:stop])
        return None if b"drop" in header[start:stop] else base.below

    operations = replace(base, inside=OnDemand({CODES: ItemOperations(choose)}.get))
    for implicit in (False, True):
        for ds in (region("Lung", "drop", "Heart"), undefined(region("Lung", "drop", "Heart"))):
            seen.clear()
            _, pieces = walked(ds, operations, implicit=implicit)
            assert seen == [encoded(item(one), implicit=implicit) for one in ("Lung", "drop", "Heart")]
            assert b"drop" not in b"".join(piece for piece in pieces if isinstance(piece, bytes))


def test_names_in_a_dropped_item_are_searched_elsewhere() -> None:
    ds = region("Lung")
    ds.AnatomicRegionSequence[0].PatientID = "ZZPHI-77"
    ds.StudyDescription = "for ZZPHI-77"
    base = operations_of(staging_plan(), "", "")
    walk, _ = walked(
        ds, replace(base, inside=OnDemand({CODES: ItemOperations(lambda *_, **__: None)}.get)), implicit=False
    )
    assert {value for _, _, value in walk.harvest} >= {b"ZZPHI-77", PATIENT_ID.encode()}


def test_the_canonical_form_tells_every_level_and_ends_where_rules_hold_themselves() -> None:
    leaf = RuleSet({LABEL: Rule(Action.KEEP, b"SH", Action.EMPTY, "StudyID")})
    other = RuleSet({LABEL: Rule(Action.REMOVE, b"SH", Action.EMPTY, "StudyID")})
    inside: dict[int, RuleSet | ItemRules] = {}
    endless = RuleSet({}, inside=inside)
    inside[CODES] = endless
    private = RuleSet({}, private={(0x29, "ACME", 1): Rule(Action.KEEP, b"DS", Action.REMOVE, "Dose", vm="1")})
    chosen = [RuleSet({}, inside={CODES: ItemRules("content", {"text": one})}) for one in (leaf, other)]
    trees = [
        leaf,
        other,
        endless,
        private,
        *chosen,
        RuleSet({}, inside={CODES: leaf}),
        RuleSet(leaf.tags, written=(LABEL,)),
    ]
    forms = [str(canonical_rules(tree)) for tree in trees]
    assert len(set(forms)) == len(trees)
    assert forms == [str(canonical_rules(tree)) for tree in trees]


def test_rules_that_hold_themselves_are_compiled() -> None:
    inside: dict[int, RuleSet | ItemRules] = {}
    inner = RuleSet({CODES: staging_plan().rules[CODES]}, inside=inside)
    inside[CODES] = inner
    ds = region("Lung")
    ds.AnatomicRegionSequence[0].AnatomicRegionSequence = Sequence([item("Lung")])
    found = made(ds, with_rules(inside={CODES: inner}))
    assert len(found.AnatomicRegionSequence[0].AnatomicRegionSequence[0]) == 0
