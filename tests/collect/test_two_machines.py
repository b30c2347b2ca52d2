"""The same data on two machines' worth of different surroundings give the same package, to the byte."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.hospital import LUNG, SECOND_DAY, Hospital, small_study

COLLECT = """
import sys
from pathlib import Path
from pacs2trial.collect import collect_subject
from pacs2trial.filtering.filter import filter_subject
from pacs2trial.keytable import enrolled
from pacs2trial.settings import Settings
from pacs2trial.workspace import Workspace

home, trials = map(Path, sys.argv[1:])
ws = Workspace.open(Settings(home=home, trials=trials))
(subject,) = enrolled(ws.vault, "LUNGART", ["LA-001"])
filter_subject(ws, ws.definition("LUNGART"), subject)
for package in collect_subject(ws, ws.definition("LUNGART"), subject):
    print(package.path.name, package.sha256, package.content_digest)
"""

SURROUNDINGS = [
    {"TZ": "Pacific/Auckland", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1", "LANG": "C.UTF-8"},
    {"TZ": "America/St_Johns", "LC_ALL": "POSIX", "PYTHONHASHSEED": "4242", "LANG": "", "HOME": "/nonexistent"},
]


@pytest.mark.parametrize(
    "package", [{"compression": "fast"}, {"per": "study", "dicomdir": True}], ids=["fast", "media"]
)
def test_two_homes_give_the_same_bytes(hospital: Hospital, package: dict[str, object], tmp_path: Path) -> None:
    hospital.stage(small_study(when=SECOND_DAY))
    hospital.define(LUNG, package=package)
    hospital.ws.vault.close()
    settings, told, zips = hospital.ws.settings, [], []
    for number, surroundings in enumerate(SURROUNDINGS):
        place = tmp_path / f"machine {number}" / ("a" * number * 40 or "b")
        shutil.copytree(settings.home, place / "home")
        shutil.copytree(settings.trials, place / "trials")
        done = subprocess.run(
            [sys.executable, "-c", COLLECT, place / "home", place / "trials"],
            env={**os.environ, **surroundings},
            cwd=place,
            capture_output=True,
            check=True,
        )
        told.append(done.stdout)
        zips.append({path.name: path.read_bytes() for path in (place / "home" / "packages").rglob("*.zip")})
    assert told[0] == told[1] != b""
    assert zips[0] == zips[1]
