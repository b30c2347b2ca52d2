"""A whole small site in one process: demo PACS, receiver, vault with the key tables of the shipped demo trials."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from pacs2trial.keytable import import_key_table, key_file, read_key_table
from pacs2trial.receiver.scp import Receiver
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import RT_PARTS, study, write
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER, VANDENBROUCKX, YAMASHIROGI, Identity
from pacs2trial_demo.pacs import DemoPacs
from support.airflow_env import ROOT

ENROLLED: Mapping[str, Mapping[str, Identity]] = {
    "DEMO-LUNG": {"DL-001": LUCZYNSKA, "DL-002": OXENBARGER, "DL-003": VANDENBROUCKX},
    "DEMO-PLAN": {"DP-001": LUCZYNSKA, "DP-002": YAMASHIROGI},
}
"""DL-003 has nothing in the PACS; the study of DP-002 has an ultrasound, which has to wait for a person."""
STUDIES: Mapping[Identity, Sequence[date]] = {
    LUCZYNSKA: (date(2024, 3, 13), date(2024, 4, 24)),
    OXENBARGER: (date(2024, 3, 13),),
    YAMASHIROGI: (date(2024, 5, 2),),
}


@dataclass(frozen=True)
class DemoSite:
    ws: Workspace
    pacs: DemoPacs
    originals: Path
    """Folder of the PACS: every original object."""
    receiver_port: int = 0

    @property
    def home(self) -> Path:
        return self.ws.settings.home

    def original(self, identity: Identity, modality: str) -> Dataset:
        """Header of one original object of a patient."""
        for path in sorted((self.originals / str(identity.number)).rglob("*.dcm")):
            header = pydicom.dcmread(path, stop_before_pixels=True)
            if header.Modality == modality:
                return header
        raise LookupError(f"patient {identity.number} has no {modality}")

    def change_definition(self, trial: str, old: str, new: str) -> None:
        """Replace text in the site's copy of a shipped definition."""
        path = self.ws.settings.trials / f"{trial.lower().replace('-', '_')}.yaml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the PACS, made once: nothing in these tests stores to it."""
    folder = tmp_path_factory.mktemp("originals")
    for identity, days in STUDIES.items():
        parts = RT_PARTS | {"US"} if identity is YAMASHIROGI else RT_PARTS
        for when in days:
            for ds in study(identity, when=when, parts=parts, slices=3, matrix=32):
                write(ds, folder / str(identity.number) / str(when))
    return folder


@contextmanager
def running(folder: Path, originals: Path) -> Iterator[DemoSite]:
    """Start the site below ``folder``, and point this process's environment at it."""
    trials = folder / "trials"
    shutil.copytree(ROOT / "include" / "trials", trials)
    settings = Settings(home=folder / "home", trials=trials, receiver_port=0)
    Vault.create(settings)
    ws = Workspace.open(settings)
    for trial, subjects in ENROLLED.items():
        enrol(ws, trial, subjects)
    receiver = Receiver(ws)
    port = receiver.start()
    destinations = {settings.receiver_aet: (settings.receiver_host, port)}
    with DemoPacs(originals, "DEMOPACS", destinations) as pacs, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PACS2TRIAL_HOME", str(settings.home))
        patch.setenv("PACS2TRIAL_TRIALS", str(trials))
        patch.setenv("AIRFLOW_CONN_DEMO_PACS", connection(pacs))
        yield DemoSite(ws, pacs, originals, port)
    receiver.stop()
    ws.vault.close()


def enrol(ws: Workspace, trial: str, subjects: Mapping[str, Identity]) -> None:
    """Write the key table of a trial and import it."""
    definition = ws.definition(trial)
    assert definition.keys.file is not None
    rows = ["patient_id,subject_key", *(f"{who.patient_id},{key}" for key, who in subjects.items())]
    ws.settings.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    (ws.settings.keys / definition.keys.file).write_text("\n".join(rows), "utf-8")
    import_key_table(ws.vault, definition, read_key_table(key_file(definition, ws.settings)), actor="test")


def connection(pacs: DemoPacs) -> str:
    """The demo PACS as the JSON text of an Airflow connection, impatient enough for tests."""
    extra = {"aet": pacs.aet, "settle_timeout": 3, "settle_quiet": 0.3, "retry_wait": 0.3, "transfer_timeout": 20}
    return json.dumps({"conn_type": "dicom", "host": "127.0.0.1", "port": pacs.port, "extra": extra})


@pytest.fixture
def demo_site(tmp_path: Path, originals: Path) -> Iterator[DemoSite]:
    with running(tmp_path, originals) as site:
        yield site
