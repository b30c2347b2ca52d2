"""The same object gives the same staged bytes whatever way it comes: real senders, real encodings, one store."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset

from pacs2trial.intake import stage_paths
from pacs2trial.intake.stage1 import stage_dataset, stage_part10
from pacs2trial.network.get import get
from pacs2trial.network.move import move
from pacs2trial.network.peer import Peer
from pacs2trial.network.wado import fetch_objects
from pacs2trial.network.webpeer import WebPeer
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import part10, write
from support.findings import require_ledger_and_store_agree, staged_files
from support.peers import Dcmtk, Orthanc, need_dicomweb
from support.receivers import AET, send

CONVERSIONS = {
    "implicit": ["+ti"],
    "big endian": ["+tb"],
    "deflated": ["+td"],
    "undefined lengths": ["+te", "-e"],
    "implicit, undefined lengths": ["+ti", "-e"],
    "group lengths": ["+te", "+g"],
    "padding behind the data set and behind items": ["+te", "+p", "512", "64"],
    "everything at once": ["+tb", "-e", "+g", "+p", "512", "64"],
}


@pytest.fixture
def originals(rt_study: list[FileDataset], tmp_path: Path) -> list[Path]:
    """One file of every kind that is staged."""
    one_of_each = {ds.Modality: ds for ds in rt_study if ds.Modality != "US"}
    return [write(ds, tmp_path / "originals") for ds in one_of_each.values()]


class Store:
    """The staging store, watched: after each arrival it must hold what it held at first."""

    def __init__(self, ws: Workspace, number: int) -> None:
        self._ws = ws
        self._number = number
        self._first: dict[Path, bytes] = {}

    def unchanged_by(self, way: str) -> None:
        now = {path: path.read_bytes() for path in staged_files(self._ws.settings)}
        self._first = self._first or now
        assert len(now) == self._number, way
        assert [path for path in now if now[path] != self._first[path]] == [], way

    def emptied(self) -> None:
        """So that the next arrival writes anew, and not only counts a duplicate."""
        for path in staged_files(self._ws.settings):
            path.unlink()


def test_every_way_in_gives_the_same_bytes(
    workspace: Workspace,
    receiver: int,
    dcmtk: Dcmtk,
    orthanc: Orthanc,
    rt_study: list[FileDataset],
    originals: list[Path],
    tmp_path: Path,
) -> None:
    chosen = list({ds.Modality: ds for ds in rt_study if ds.Modality != "US"}.values())
    store = Store(workspace, len(originals))
    send(receiver, chosen)
    store.unchanged_by("push by pynetdicom")
    folder = tmp_path / "originals"

    for option in ("-xe", "-xi", "-xb", "-xd"):
        store.emptied()
        done = dcmtk.run("storescu", option, "-aec", AET, "+sd", "+r", "127.0.0.1", str(receiver), folder)
        assert done.returncode == 0, done.stdout
        store.unchanged_by(f"push by storescu {option}")

    for way, options in CONVERSIONS.items():
        converted = tmp_path / way.replace(" ", "-")
        converted.mkdir()
        for number, path in enumerate(originals):
            made = dcmtk.run("dcmconv", *options, path, converted / f"{number}.dcm")
            assert made.returncode == 0, made.stdout
        store.emptied()
        report = stage_paths(workspace, [converted])
        assert report.quarantined + report.rejected + report.not_dicom == 0, way
        store.unchanged_by(f"file, {way}")

    bare = tmp_path / "bare"
    bare.mkdir()
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for number, path in enumerate(originals):
            archive.write(path, f"{number}.dcm")
            (bare / f"{number}.dcm").write_bytes(_data_set(path))
    for offered in (tmp_path / "all.zip", bare):
        store.emptied()
        stage_paths(workspace, [offered])
        store.unchanged_by(offered.name)

    orthanc.store(folder)
    orthanc.add_modality("receiver", AET, receiver)
    study = str(chosen[0].StudyInstanceUID)
    peer = Peer("orthanc", "127.0.0.1", orthanc.dicom_port, orthanc.aet, AET, AET)
    store.emptied()
    assert move(peer, study).completed == len(originals)
    store.unchanged_by("C-MOVE from Orthanc")

    def stored(data: memoryview, transfer_syntax: str, named: str) -> int:
        stage_dataset(workspace, data, transfer_syntax, source="pacs:orthanc", named=named)
        return 0

    store.emptied()
    classes = {str(ds.SOPClassUID) for ds in chosen}
    assert get(peer, study, None, stored, sop_classes=classes).completed == len(originals)
    store.unchanged_by("C-GET from Orthanc")

    def taken(content: bytearray, named: str) -> None:
        stage_part10(workspace, content, source="pacs:orthanc", named=named)

    store.emptied()
    need_dicomweb()
    assert fetch_objects(WebPeer("orthanc", orthanc.web), study, None, taken) == len(originals)
    store.unchanged_by("WADO-RS from Orthanc")

    store.emptied()
    done = dcmtk.getscu(orthanc.dicom_port, orthanc.aet, tmp_path / "fetched", *_keys(study))
    assert done.returncode == 0, done.stdout
    stage_paths(workspace, [tmp_path / "fetched"])
    store.unchanged_by("C-GET by getscu, then files")

    need_dicomweb()
    store.emptied()
    web = WebPeer("orthanc", orthanc.web)
    came = fetch_objects(web, study, None, lambda data, named: _staged(workspace, data, named))
    assert came == len(originals)
    store.unchanged_by("DICOMweb (WADO-RS) from Orthanc")
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def _staged(workspace: Workspace, data: bytearray, named: str) -> None:
    stage_part10(workspace, data, source="pacs:orthanc", named=named)


def _keys(study: str) -> list[str]:
    return ["QueryRetrieveLevel=STUDY", f"StudyInstanceUID={study}"]


def _data_set(path: Path) -> bytes:
    """The data set alone, without preamble and file meta information."""
    data = path.read_bytes()
    return data[144 + int.from_bytes(data[140:144], "little") :]


def test_a_private_syntax_with_swapped_pixels_is_kept_aside(
    workspace: Workspace, dcmtk: Dcmtk, planning_ct: list[FileDataset], tmp_path: Path
) -> None:
    """GE's implicit VR with big endian pixels looks like implicit VR, and is none."""
    (tmp_path / "plain.dcm").write_bytes(part10(planning_ct[0]))
    done = dcmtk.run("dcmconv", "+tg", tmp_path / "plain.dcm", tmp_path / "ge.dcm")
    assert done.returncode == 0, done.stdout
    report = stage_paths(workspace, [tmp_path / "ge.dcm"])
    assert (report.staged, report.quarantined) == (0, 1)
