from collections.abc import Iterator

import pytest

from pacs2trial.receiver import Receiver
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from pacs2trial_demo.pacs import DemoPacs
from support.sites import Site


@pytest.fixture
def site(workspace: Workspace) -> Site:
    """The trial LUNGART with both patients of the demo PACS enrolled; not connected yet."""
    found = Site(workspace)
    found.define()
    found.enrol(
        {"patient_id": LUCZYNSKA.patient_id, "subject_key": "LA-001"},
        {"patient_id": OXENBARGER.patient_id, "subject_key": "LA-002"},
    )
    return found


@pytest.fixture
def receiver(site: Site) -> Iterator[int]:
    """A running receiver of the site: its port."""
    running = Receiver(site.ws)
    yield running.start()
    running.stop()


@pytest.fixture
def pacs(demo_pacs: DemoPacs, site: Site, receiver: int) -> DemoPacs:
    """The demo PACS, connected as ``main``; it knows the receiver."""
    demo_pacs.destinations[site.ws.settings.receiver_aet] = ("127.0.0.1", receiver)
    site.connect(demo_pacs.aet, demo_pacs.port)
    return demo_pacs


@pytest.fixture(params=["c-move", "c-get"])
def each_way(request: pytest.FixtureRequest, site: Site) -> str:
    """The definition, with each way of retrieving in turn."""
    way: str = request.param
    site.define(retrieve=way)
    return way
