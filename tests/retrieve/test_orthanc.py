from pathlib import Path

import pytest

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.network.association import UnreachableError
from pacs2trial.retrieve.settle import retrieve
from pacs2trial.vault.tables import InstanceState
from pacs2trial_demo.pacs import DemoPacs
from support.peers import Orthanc, need_dicomweb
from support.sites import TRIAL, Site, wanted


@pytest.fixture
def filled(orthanc: Orthanc, demo_pacs: DemoPacs, site: Site, receiver: int) -> Orthanc:
    """Orthanc with the objects of the demo PACS, connected as ``main``."""
    orthanc.store(Path(demo_pacs.folder))
    orthanc.add_modality("ours", site.ws.settings.receiver_aet, receiver)
    site.connect(orthanc.aet, orthanc.dicom_port, dicomweb=orthanc.web)
    return orthanc


@pytest.fixture(params=["c-move", "c-get", "dicomweb"])
def each_way(request: pytest.FixtureRequest, site: Site) -> str:
    """The definition, with each way of retrieving in turn."""
    way: str = request.param
    if way == "dicomweb":
        need_dicomweb()
    site.define(retrieve=way)
    return way


def test_orthanc_gives_everything_wanted(site: Site, demo_pacs: DemoPacs, filled: Orthanc, each_way: str):
    balances = retrieve(site.ws, TRIAL)
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(wanted(demo_pacs))
    assert set(site.ledger().values()) == {InstanceState.STAGED}
    assert all(one.settled() for one in balances)


def test_orthanc_is_asked_by_instance_for_the_rest_of_a_series(
    site: Site, demo_pacs: DemoPacs, filled: Orthanc, each_way: str
):
    held_back = [one for one in filled.rest("GET", "/instances?expand") if one["IndexInSeries"] == 2]
    files = [filled.rest("GET", f"/instances/{one['ID']}/file") for one in held_back]
    for one in held_back:
        filled.rest("DELETE", f"/instances/{one['ID']}")
    retrieve(site.ws, TRIAL)
    before = len(site.in_state(InstanceState.STAGED))
    for file in files:
        filled.rest("POST", "/instances", file)
    retrieve(site.ws, TRIAL)
    assert before < len(site.in_state(InstanceState.STAGED))
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(wanted(demo_pacs))


def test_orthanc_that_does_not_know_the_receiver_says_so(site: Site, demo_pacs: DemoPacs, filled: Orthanc):
    site.connect(filled.aet, filled.dicom_port, move_destination="NOBODY")
    with pytest.raises(TransientError, match="if the PACS does not know the move destination, register the AE title"):
        retrieve(site.ws, TRIAL)


def test_orthanc_called_by_a_wrong_ae_title_says_which(site: Site, filled: Orthanc):
    site.connect("WRONG", filled.dicom_port)
    for _ in range(5):  # Orthanc closes the connection at once, and its word can be lost with it
        with pytest.raises((PermanentError, UnreachableError)) as refused:
            retrieve(site.ws, TRIAL)
        if isinstance(refused.value, PermanentError):
            break
    assert "called AE title not recognized" in str(refused.value)
