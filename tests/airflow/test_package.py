"""The wheel as another Airflow project installs it: a provider with its connection type, operators and hooks."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from support.airflow_env import ROOT

ASKED = """
from airflow.providers_manager import ProvidersManager
import pacs2trial_airflow.operators.dicom as operators
manager = ProvidersManager()
hook = manager.hooks["dicom"].hook_class_name
print("FOUND", manager.providers["pacs2trial"].version, hook, operators.__file__)
"""


def test_the_wheel_is_a_provider_of_airflow(tmp_path: Path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("pacs2trial-*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    assert not {path.name for path in site.iterdir()} & {"tests", "dags", "plugins"}

    environment = os.environ | {
        "PYTHONPATH": str(site),
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path / "no plugins"),
    }
    done = subprocess.run(
        [sys.executable, "-c", ASKED], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    [(version, hook, operators)] = [
        line.split(" ")[1:] for line in done.stdout.splitlines() if line.startswith("FOUND ")
    ]
    assert version == wheel.name.split("-")[1]
    assert hook == "pacs2trial_airflow.hooks.dicom.DicomHook"
    assert Path(operators).is_relative_to(site)
