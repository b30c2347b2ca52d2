"""PACS that are not as the standard says, pulled from end to end: the ledger tells the truth whatever they say."""

from __future__ import annotations

from collections.abc import Callable

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pynetdicom import evt

from pacs2trial.errors import BalanceError, TransientError
from pacs2trial.network.get import get
from pacs2trial.retrieve.fetch import fetch
from pacs2trial.retrieve.plan import plan_run
from pacs2trial.retrieve.settle import retrieve, settle
from pacs2trial.staging.ledger import balance
from pacs2trial.vault.tables import InstanceState
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from pacs2trial_demo.pacs import DemoPacs
from support.scripted_pacs import SERIES, STUDY, ScriptedPacs, dataset
from support.sites import TRIAL, Site, objects_of, wanted
from support.web_pacs import Answer, Asked, found

BOTH = ["LA-001", "LA-002"]


def test_a_study_that_is_given_to_another_patient_between_question_and_transfer_is_kept_aside(
    site: Site, pacs: DemoPacs, each_way: str
) -> None:
    plan = plan_run(site.ws, TRIAL)
    for one in objects_of(pacs, LUCZYNSKA.patient_id):
        changed = pydicom.dcmread(one.path)
        changed.PatientID = OXENBARGER.patient_id
        changed.save_as(one.path)
    fetch(site.ws, plan.run_key, BOTH)
    mine = site.staging_uids(wanted(pacs, LUCZYNSKA.patient_id))
    assert site.in_state(InstanceState.QUARANTINED) == mine
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(wanted(pacs, OXENBARGER.patient_id))


def test_a_study_that_vanishes_between_question_and_transfer_is_missing(site: Site, pacs: DemoPacs) -> None:
    plan = plan_run(site.ws, TRIAL)
    gone = wanted(pacs, LUCZYNSKA.patient_id)
    pacs.faults.dropped |= gone
    with pytest.raises(TransientError, match="busy"):
        fetch(site.ws, plan.run_key, BOTH)
    with pytest.raises(BalanceError):
        settle(site.ws, plan.run_key, BOTH, timeout=0.3)
    assert site.in_state(InstanceState.MISSING) == site.staging_uids(gone)


@pytest.mark.parametrize(("modality", "asked"), [("RTPLAN", {"STUDY", "SERIES"}), ("SM", {"STUDY"})])
def test_a_study_without_wanted_modality_is_not_looked_into(site: Site, pacs: DemoPacs, modality, asked) -> None:
    site.define(modalities=[modality])
    plan_run(site.ws, TRIAL)
    levels = {one.level for one in pacs.requests if one.service == "C-FIND"}
    assert levels - {"IMAGE"} == asked


def test_modalities_that_a_pacs_does_not_tell_are_asked_for_at_series_level(
    site: Site, pacs: DemoPacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacs2trial.network.find.texts", lambda answer, keyword: ())
    plan_run(site.ws, TRIAL)
    assert site.in_state(InstanceState.EXPECTED) == site.staging_uids(wanted(pacs))


def test_a_study_of_which_all_is_wanted_is_asked_for_at_once_then_by_series_then_by_instance(
    site: Site, pacs: DemoPacs, each_way: str
) -> None:
    everything = {one.header.Modality for one in pacs.index.instances()}
    site.define(retrieve=each_way, modalities=sorted(everything))
    plan = plan_run(site.ws, TRIAL, subjects=["LA-001"])
    pacs.requests.clear()
    pacs.faults.no_suboperations = True
    with pytest.raises(TransientError):
        fetch(site.ws, plan.run_key, ["LA-001"])
    levels = [one.level for one in pacs.requests if one.service == each_way.upper()]
    assert levels == sorted(levels, key=["STUDY", "SERIES", "IMAGE"].index)
    assert levels.count("STUDY") == 1
    assert {"SERIES", "IMAGE"} < set(levels)
    pacs.faults.no_suboperations = False
    pacs.requests.clear()
    fetch(site.ws, plan.run_key, ["LA-001"])
    assert [one.level for one in pacs.requests if one.service == each_way.upper()] == ["STUDY"]
    held = {one.uid("IMAGE") for one in objects_of(pacs, LUCZYNSKA.patient_id)}
    assert site.in_state(InstanceState.STAGED) | site.in_state(InstanceState.QUARANTINED) == site.staging_uids(held)


@pytest.mark.parametrize("told", [1, 9999])
def test_a_wrong_number_of_sub_operations_decides_nothing(scripted_pacs: ScriptedPacs, told) -> None:
    came: list[str] = []
    objects = [pydicom.dcmread(get_testdata_file("CT_small.dcm")) for _ in range(2)]
    for number, ds in enumerate(objects):
        ds.SOPInstanceUID = f"1.2.{number}"

    def lying(event: evt.Event):
        yield told
        for ds in objects[:told]:
            yield 0xFF00, ds

    def store(data: memoryview, transfer_syntax: str, named: str) -> int:
        came.append(named)
        return 0

    node = scripted_pacs.node((evt.EVT_C_GET, lying))
    get(node, STUDY, SERIES, store, sop_classes={str(objects[0].SOPClassUID)}, expected=2)
    assert came == [ds.SOPInstanceUID for ds in objects[:told]]


def test_a_final_response_without_numbers_is_an_end(scripted_pacs: ScriptedPacs) -> None:
    def bare(event: evt.Event):
        yield 0
        yield 0x0000, dataset(FailedSOPInstanceUIDList="")

    node = scripted_pacs.node((evt.EVT_C_GET, bare))
    get(node, STUDY, SERIES, lambda data, syntax, named: 0, expected=0)


def test_a_dicomweb_service_that_tells_more_than_it_sends_leaves_the_rest_missing(
    site: Site, web_pacs: Callable[..., object]
) -> None:
    def answer(asked: Asked) -> Answer:
        if int(asked.query.get("offset", 0)):
            return found()
        if asked.path == "/studies":
            return found({"0020000D": STUDY, "00100020": asked.query["PatientID"], "00080020": "20240313"})
        if asked.path.endswith("/series") and "offset" in asked.query:
            return found({"0020000E": SERIES, "00080060": "CT"})
        if asked.path.endswith("/instances"):
            return found({"00080018": "1.2.7"}, {"00080018": "1.2.8"})
        return Answer(status=404)

    pacs, peer = web_pacs(answer)
    site.define(retrieve="dicomweb")
    site.connect("PACS", 104, dicomweb=peer.url, settle_timeout=0.3)
    with pytest.raises(TransientError, match=r"0 of 2 instances came: .*404"):
        retrieve(site.ws, TRIAL, subjects=["LA-001"])
    (line,) = balance(site.ws.vault, TRIAL, ["LA-001"])
    assert (line.expected, line.waiting, line.staged) == (2, 2, 0)
    asked = [one.path for one in pacs.asked if "multipart" in one.headers["accept"]]
    assert asked[0] == f"/studies/{STUDY}"
    assert asked[-1].endswith(("/instances/1.2.7", "/instances/1.2.8"))
