"""The header table says of every attribute what became of it, and the graph of links what leads nowhere."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial.holdings.view import TrialView
from pacs2trial.preview.graph import Known, link_graph, references
from pacs2trial.preview.outcomes import Header, HeaderRow, Outcome, compared
from pacs2trial.preview.reports import report_text
from pacs2trial.trials.definition import STAGING
from support.hospital import LUNG
from support.shown import ShownSite


def headers(site: ShownSite, modality: str) -> tuple[Dataset, Dataset, TrialView]:
    """An object of LUNGART as staged and as the trial gets it."""
    from pacs2trial.holdings.ledger import Narrowing

    view = site.view(LUNG)
    assert isinstance(view, TrialView)
    with view.ws.vault.session(read_only=True) as session:
        (content, *_) = view.ledger.all_contents(session, Narrowing(modalities=(modality,)))
    return site.view(STAGING).object_of(content).described(), view.object_of(content).described(), view


@pytest.fixture(scope="module")
def plan_header(shown_site: ShownSite) -> Header:
    staged, final, view = headers(shown_site, "RTPLAN")
    return compared(staged, final, view.plan)


def row(header: Header, tag: str) -> HeaderRow:
    return next(each for each in header.rows if each.tag == tag and each.depth == 0)


def test_each_attribute_has_the_outcome_that_the_two_objects_show(shown_site: ShownSite) -> None:
    for modality in ("CT", "RTSTRUCT", "RTPLAN", "RTDOSE"):
        staged, final, view = headers(shown_site, modality)
        header = compared(staged, final, view.plan)
        for each in (one for one in header.rows if one.depth == 0 and one.vr != "SQ"):
            tag = int(each.tag[1:5] + each.tag[6:10], 16)
            expected = {
                (True, False): {Outcome.REMOVED},
                (False, True): {Outcome.ADDED},
            }.get((tag in staged, tag in final))
            if expected is None and staged[tag].value == final[tag].value:
                expected = {Outcome.KEPT}
            elif expected is None:
                expected = {Outcome.EMPTIED} if final[tag].is_empty else {Outcome.MAPPED, Outcome.REPLACED}
            assert each.outcome in expected, each
        assert sum(header.counts.values()) == len(header.rows)


def test_the_rule_of_the_plan_stands_beside_the_outcome(plan_header: Header) -> None:
    uid = row(plan_header, "(0008,0018)")
    assert (uid.outcome, uid.rule) == (Outcome.MAPPED, "map UID")
    assert uid.staged != uid.final
    assert row(plan_header, "(0010,0020)").outcome is Outcome.MAPPED
    assert row(plan_header, "(0008,0060)").outcome is Outcome.KEPT


def test_attributes_within_sequences_are_told_apart_by_their_path(plan_header: Header) -> None:
    inside = [each for each in plan_header.rows if each.path.startswith("Referenced Structure Set Sequence > 1 > ")]
    assert {each.outcome for each in inside if each.tag == "(0008,1155)"} == {Outcome.MAPPED}


def test_private_and_unknown_attributes_are_counted() -> None:
    staged, final = Dataset(), Dataset()
    staged.add_new(0x00090010, "LO", "SOMEONE")
    staged.add_new(0x00091001, "LO", "secret")
    staged.add_new(0x00080FF1, "LO", "of no standard")
    header = compared(staged, final, None)
    assert (header.private_removed, header.unknown_removed, header.private_kept) == (2, 1, 0)


def test_in_staging_nothing_was_done(shown_site: ShownSite) -> None:
    staged, _, _ = headers(shown_site, "CT")
    assert set(compared(staged, staged, None).counts) == {Outcome.KEPT}


def referring(*uids: str) -> Dataset:
    dataset, items = Dataset(), []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPInstanceUID = uid
        items.append(item)
    dataset.ReferencedImageSequence = Sequence(items)
    return dataset


def test_links_to_what_is_not_there_are_broken() -> None:
    known = [Known("1.1", "1.0", "9", "RTSTRUCT"), Known("2.1", "2.0", "9", "CT"), Known("2.2", "2.0", "9", "CT")]
    named = {"1.1": references(referring("2.1", "2.2", "3.1", "3.2", "9"))}
    graph = link_graph(known, named, {"3.1": "held"})
    assert {(edge.source.key, edge.target.key, edge.number, edge.broken) for edge in graph.edges} == {
        ("1.0", "2.0", 2, False),
        ("1.0", "missing: held", 1, True),
        ("1.0", "missing: never came", 1, True),
    }
    assert graph.broken == 2
    places = [(node.x, node.y) for node in graph.nodes]
    assert len(set(places)) == len(places)


def test_the_links_of_radiotherapy_objects_are_whole(shown_site: ShownSite) -> None:
    known, named = [], {}
    for content in shown_site.given().values():
        dataset = dcmread(BytesIO(content), stop_before_pixels=True)
        uid = str(dataset.SOPInstanceUID)
        known.append(Known(uid, str(dataset.SeriesInstanceUID), str(dataset.StudyInstanceUID), str(dataset.Modality)))
        if dataset.Modality.startswith("RT"):
            named[uid] = references(dataset)
    graph = link_graph(known, named, {})
    assert graph.edges
    assert [edge for edge in graph.edges if edge.broken] == []


def test_a_report_is_told_in_words() -> None:
    code = Dataset()
    code.CodeMeaning = "Finding"
    item = Dataset()
    item.ConceptNameCodeSequence = Sequence([code])
    item.TextValue = "Nothing to see"
    report = Dataset()
    report.ConceptNameCodeSequence = Sequence([code])
    report.ContentSequence = Sequence([item])
    assert report_text(report) == "Finding\n    Finding: Nothing to see"
