"""A face that a program of the hospital removed: the defaced version leaves for the trial that uses it alone."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset

from pacs2trial.clearance.held import decide_held, held_series
from pacs2trial.corrections.versions import Choice, use_versions
from pacs2trial.filtering.faces import RULE as FACES
from pacs2trial.filtering.filter import filter_subject
from pacs2trial.filtering.versions import TWO_CONTENTS
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.vault.tables import InstanceState
from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.identities import LUCZYNSKA
from support.hospital import LUNG, PELVIS, SECOND_DAY, Hospital

SLICES = 12

PROGRAM = """
import sys
from pathlib import Path
from pydicom import dcmread

for path in Path(sys.argv[1]).iterdir():
    ds = dcmread(path)
    values = ds.pixel_array.copy()
    values[: ds.Rows // 3] = values.min()
    ds.PixelData = values.tobytes()
    ds.save_as(path)
"""
"""Takes the front third of each slice away."""


def head() -> list[FileDataset]:
    slices = study(LUCZYNSKA, when=SECOND_DAY, parts={"CT"}, slices=SLICES, matrix=32)
    for one in slices:
        one.BodyPartExamined, one.PixelSpacing = "HEAD", [1.0, 1.0]
    return slices


def defaced(folder: Path) -> list[bytes]:
    folder.mkdir()
    for number, one in enumerate(head()):
        (folder / f"{number:02}").write_bytes(part10(one))
    subprocess.run([sys.executable, "-c", PROGRAM, folder], check=True)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def reasons(hospital: Hospital, trial: str, key: str) -> dict[str, int]:
    definition = hospital.ws.definition(trial)
    done = filter_subject(hospital.ws, definition, hospital.subject(trial, key))
    return dict(done.reasons)


@pytest.fixture
def both(hospital: Hospital, tmp_path: Path) -> Hospital:
    """A site with a head as the PACS had it, and as a program of the hospital made it."""
    hospital.stage(head())
    assert reasons(hospital, LUNG, "LA-001") == {FACES: SLICES}
    for data in defaced(tmp_path / "tool"):
        assert stage_part10(hospital.ws, data, source="file").outcome is InstanceState.STAGED
    return hospital


def test_a_defaced_series_leaves_for_the_trial_that_uses_it_and_for_no_other(both: Hospital) -> None:
    assert reasons(both, LUNG, "LA-001") == {TWO_CONTENTS: SLICES}
    use_versions(both.ws, LUNG, "LA-001", Choice.NEWEST, reason="defaced", actor="ann")
    assert reasons(both, LUNG, "LA-001") == {FACES: SLICES}, "nobody believes it without having looked"
    (series,) = held_series(both.ws, both.ws.definition(LUNG))
    decide_held(both.ws, both.ws.definition(LUNG), series.token, accept=True, reason="looked at", actor="ann")
    package = both.package(LUNG, "LA-001")
    assert all(proof.passed for proof in both.verify(package))
    with zipfile.ZipFile(package.path) as archive:
        found = [dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist() if name.endswith(".dcm")]
    heads = [one for one in found if one.get("BodyPartExamined") == "HEAD"]
    assert len(heads) == SLICES
    whole = {one.InstanceNumber: one.pixel_array for one in head()}
    for one in heads:
        assert np.unique(one.pixel_array[: one.Rows // 3]).size == 1
        assert np.array_equal(one.pixel_array[one.Rows // 3 :], whole[one.InstanceNumber][one.Rows // 3 :])
    assert reasons(both, PELVIS, "PV-007") == {TWO_CONTENTS: SLICES}
    use_versions(both.ws, PELVIS, "PV-007", Choice.FIRST, reason="as it came", actor="ann")
    assert reasons(both, PELVIS, "PV-007") == {FACES: SLICES}
