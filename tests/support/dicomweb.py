"""What the tests of DICOMweb share: the server, clients, and reading multipart answers."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from email.parser import BytesParser
from pathlib import Path

import httpx
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from support.api_server import ApiServer, api_server
from support.hospital import LUNG
from support.shown import ShownSite

PREFIX = "/pacs2trial/dicomweb"
OHIF_FRAMES = "multipart/related; type=application/octet-stream; transfer-syntax=*"
"""What OHIF's image loader accepts for frames."""
OBJECTS = 'multipart/related; type="application/dicom"; transfer-syntax=*'


@pytest.fixture(scope="module")
def server(airflow_home: Path, shown_site: ShownSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Airflow's API server on the shown site."""

    settings = shown_site.ws.settings
    environment = {"PACS2TRIAL_HOME": str(settings.home), "PACS2TRIAL_TRIALS": str(settings.trials)}
    with api_server(tmp_path_factory.mktemp("server"), environment) as running:
        yield running


@pytest.fixture(scope="module")
def reviewer(server: ApiServer) -> Iterator[httpx.Client]:
    """A client at the root of DICOMweb, logged in as a reviewer."""
    with server.client("rita") as client:
        client.base_url = f"{server.url}{PREFIX}"
        yield client


def viewer(server: ApiServer, scope: str = LUNG) -> DICOMwebClient:
    session = create_session()
    session.headers["Authorization"] = f"Bearer {server.tokens['rita']}"
    return DICOMwebClient(f"{server.url}{PREFIX}/{scope}", session=session)


def parts_of(answer: httpx.Response) -> list[tuple[str, bytes]]:
    """Content-Type and bytes of each part of a multipart answer."""
    boundary = re.search(r"boundary=([0-9a-f]+)", answer.headers["content-type"])
    assert boundary is not None
    *parts, end = answer.content.split(f"--{boundary[1]}".encode())[1:]
    assert end == b"--\r\n"
    found = []
    for part in parts:
        head, _, body = part.partition(b"\r\n\r\n")
        found.append((BytesParser().parsebytes(head.strip() + b"\r\n\r\n")["content-type"], body[:-2]))
    return found


def places(shown_site: ShownSite) -> list[tuple[str, str, str]]:
    """Study, series and instance of everything that LUNGART gets."""
    found = [Path(name.removesuffix(".dcm")).parts for name in sorted(shown_site.members)]
    return [(study, series, instance) for _, study, series, instance in found]


def place(shown_site: ShownSite, modality: str, *, packed: bool = False) -> str:
    """The path of an object of a modality, kept compressed or not."""
    for name, content in shown_site.members.items():
        dataset = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
        if dataset.Modality == modality and (dataset.file_meta.TransferSyntaxUID == RLELossless) is packed:
            _, study, series, instance = name.removesuffix(".dcm").split("/")
            return f"/{LUNG}/studies/{study}/series/{series}/instances/{instance}"
    raise LookupError(modality)


def member(shown_site: ShownSite, path: str) -> Dataset:
    return pydicom.dcmread(io.BytesIO(shown_site.given()[path.rpartition("/")[2]]))
