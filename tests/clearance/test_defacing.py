"""Faces removed by a program of the site, from the filter to the package; only where they are is taken from it."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import UID, RLELossless

from pacs2trial.clearance import filter_subject
from pacs2trial.clearance.held import decide_held, held_series
from pacs2trial.collect import PackageMade, collect_subject
from pacs2trial.errors import HeldError, InputError
from pacs2trial.filtering.filter import Filtered
from pacs2trial.filtering.trial_rules import NOT_REMOVED, TO_BE_REMOVED
from pacs2trial.restore import restore_subject
from pacs2trial.retrieve.settle import retrieve
from pacs2trial.settings import Settings
from pacs2trial_demo.generate import study
from pacs2trial_demo.identities import LUCZYNSKA
from pacs2trial_demo.pacs import DemoPacs
from support.face_programs import registered, script
from support.hospital import LUNG, PELVIS, SECOND_DAY, Hospital, copied
from support.round_trip import Trial
from support.sites import TRIAL, add_new

SLICES, MATRIX = 12, 32
FRONT = MATRIX // 3
WITH_FACE = range(4, SLICES + 1)
"""Instance numbers of the slices in which the program removes something."""

PROGRAM = f"""
(Path(sys.argv[0]).parent / "runs").open("a").write("x")
each(lambda ds, values: cut(ds, values) if ds.InstanceNumber >= {WITH_FACE.start} else None)
"""


def head(syntax: UID | None = None) -> list[FileDataset]:
    slices = study(LUCZYNSKA, when=SECOND_DAY, parts={"CT"}, slices=SLICES, matrix=MATRIX)
    for one in slices:
        one.BodyPartExamined, one.PixelSpacing = "HEAD", [1.0, 1.0]
        if syntax:
            one.compress(syntax, generate_instance_uid=False)
    return slices


def runs(folder: Path) -> int:
    """How often the program was run."""
    log = folder / "runs"
    return len(log.read_text()) if log.is_file() else 0


def with_program(settings: Settings, furnished_home: Path, folder: Path) -> Iterator[Hospital]:
    """A site with a program; LUNGART has faces removed, PELVIC accepts them."""
    for each in copied(settings, furnished_home, face_programs=registered(folder, script(folder, PROGRAM))):
        each.define(LUNG, filter={"faces": "deface"})
        each.define(PELVIS, filter={"faces": {"then": "accept", "because": "the dose to the face is studied"}})
        yield each


@pytest.fixture
def site(settings: Settings, furnished_home: Path, tmp_path: Path) -> Iterator[Hospital]:
    """A site with a program and no head yet."""
    yield from with_program(settings, furnished_home, tmp_path)


@dataclass(frozen=True)
class Done:
    """A site at which the program was asked of a head, for tests that only look."""

    site: Hospital
    folder: Path
    filtered: Filtered
    package: PackageMade


@pytest.fixture(scope="module")
def done(furnished_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    folder = tmp_path_factory.mktemp("defaced")
    settings = Settings(home=folder / "home", trials=folder / "trials", receiver_port=0, durable=False)
    for each in with_program(settings, furnished_home, folder):
        each.stage(head())
        yield Done(each, folder, filtered(each), collected(each))


def filtered(site: Hospital, trial: str = LUNG, key: str = "LA-001") -> Filtered:
    return filter_subject(site.ws, site.ws.definition(trial), site.subject(trial, key))


def collected(site: Hospital, trial: str = LUNG, key: str = "LA-001") -> PackageMade:
    filtered(site, trial, key)
    (made,) = collect_subject(site.ws, site.ws.definition(trial), site.subject(trial, key))
    return made


def heads(package: PackageMade) -> dict[int, FileDataset]:
    """The slices of the head in a package, by instance number."""
    with zipfile.ZipFile(package.path) as archive:
        found = [dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist() if name.endswith(".dcm")]
    return {one.InstanceNumber: one for one in found if one.get("BodyPartExamined") == "HEAD"}


def changed_program(site: Hospital, folder: Path, body: str, **told: object) -> None:
    """Another program under the same registration."""
    registered(folder, script(folder, body), **told)


def test_exactly_the_voxels_that_the_program_changed_are_blanked(done: Done) -> None:
    assert (done.filtered.held, dict(done.filtered.images)) == (0, {"face removed": SLICES})
    whole = {one.InstanceNumber: one for one in head()}
    found = heads(done.package)
    assert set(found) == set(whole)
    for number, one in found.items():
        values, before = one.pixel_array, whole[number].pixel_array
        assert np.array_equal(values[FRONT:], before[FRONT:])
        if number in WITH_FACE:
            assert (values[:FRONT] == before.min()).all()
        else:
            assert hashlib.md5(one.PixelData).digest() == hashlib.md5(whole[number].PixelData).digest()


def test_every_proof_passes(done: Done) -> None:
    assert all(proof.passed for proof in done.site.verify(done.package))


def test_the_header_tells_of_it_where_something_was_blanked_and_is_never_the_programs(done: Done) -> None:
    for number, one in heads(done.package).items():
        codes = [item.CodeValue for item in one.DeidentificationMethodCodeSequence]
        assert (one.get("RecognizableVisualFeatures") == "NO") == (number in WITH_FACE)
        assert ("113102" in codes, one.ImageType[0] == "DERIVED") == (number in WITH_FACE,) * 2
        assert "113101" not in codes, "nobody looked for text"
        assert one.SeriesDescription != "by the program"
    assert b"Made^Up" not in done.package.path.read_bytes()


def test_another_trial_gets_the_face_if_it_accepts_it(done: Done) -> None:
    whole = {one.InstanceNumber: one.pixel_array for one in head()}
    found = heads(collected(done.site, PELVIS, "PV-007"))
    assert all(np.array_equal(one.pixel_array, whole[number]) for number, one in found.items())
    assert not any("RecognizableVisualFeatures" in one for one in found.values())


def test_another_night_asks_nothing_and_the_package_stays_what_it_was(done: Done) -> None:
    again = collected(done.site)
    assert (again.changed, again.content_digest) == (False, done.package.content_digest)
    assert runs(done.folder) == 1


def test_a_compressed_series_stays_compressed(site: Hospital) -> None:
    whole = {one.InstanceNumber: one.pixel_array for one in head(RLELossless)}
    site.stage(head(RLELossless))
    package = collected(site)
    assert all(proof.passed for proof in site.verify(package))
    for number, one in heads(package).items():
        assert one.file_meta.TransferSyntaxUID == RLELossless
        assert np.array_equal(one.pixel_array[FRONT:], whole[number][FRONT:])
        assert (np.unique(one.pixel_array[:FRONT]).size == 1) or number not in WITH_FACE


def test_when_the_series_grows_the_program_sees_all_of_it(site: Hospital, tmp_path: Path) -> None:
    slices = head()
    site.stage(slices[:-1])
    assert filtered(site).held == 0
    site.stage(slices[-1:])
    assert (filtered(site).held, runs(tmp_path)) == (0, 2)


def test_a_series_of_which_a_slice_is_undecided_is_not_asked_about_yet(site: Hospital, tmp_path: Path) -> None:
    site.define(LUNG, filter={"faces": "deface", "rules": [{"image_type": "DOUBT", "then": "hold", "name": "doubt"}]})
    slices = head()
    slices[5].ImageType = ["ORIGINAL", "PRIMARY", "DOUBT"]
    site.stage(slices)
    assert filtered(site).reasons == {"doubt": 1, TO_BE_REMOVED: SLICES - 1}
    assert not runs(tmp_path)
    (doubtful,) = held_series(site.ws, site.ws.definition(LUNG))
    decide_held(site.ws, site.ws.definition(LUNG), doubtful.token, accept=True, reason="looked", actor="ann")
    assert (filtered(site).held, runs(tmp_path)) == (0, 1)


def test_two_trials_that_have_the_same_face_removed_ask_once(site: Hospital, tmp_path: Path) -> None:
    site.define(PELVIS, filter={"faces": "deface"})
    site.stage(head())
    assert filtered(site).held == filtered(site, PELVIS, "PV-007").held == 0
    assert runs(tmp_path) == 1


def test_what_could_not_be_removed_waits_for_a_person_and_is_asked_again_of_another_program(
    site: Hospital, tmp_path: Path
) -> None:
    site.stage(head())
    changed_program(site, tmp_path, f"{PROGRAM}\nsys.exit(9)")
    rule = f"{NOT_REMOVED}the program ended with status 9"
    for _ in range(2):
        assert filtered(site).reasons == {rule: SLICES}
    assert runs(tmp_path) == 1, "the same program is not asked twice"
    with pytest.raises(HeldError):
        collect_subject(site.ws, site.ws.definition(LUNG), site.subject(LUNG, "LA-001"))
    changed_program(site, tmp_path, PROGRAM, version="1.1")
    assert (heads(collected(site))[SLICES].pixel_array[:FRONT] == head()[-1].pixel_array.min()).all()


def test_a_program_that_is_not_there_is_asked_again_each_time(site: Hospital, tmp_path: Path) -> None:
    site.stage(head())
    gone = {"command": [str(tmp_path / "absent"), "{in}", "{out}"]}
    registered(tmp_path, script(tmp_path, PROGRAM), **gone)
    assert filtered(site).reasons == {f"{NOT_REMOVED}the program is not there": SLICES}
    copy = tmp_path / "absent"
    copy.write_text("#!/bin/sh\nexec cp -r $1/. $2\n", "utf-8")
    copy.chmod(0o700)
    assert filtered(site).reasons == {f"{NOT_REMOVED}the program changed no voxel": SLICES}


KILLS = """
import os, signal
(Path(sys.argv[0]).parent / "where").write_text(str(given))
os.kill(os.getppid(), signal.SIGKILL)
"""

FILTERS = """
import sys
from pathlib import Path
from pacs2trial.clearance import filter_subject
from pacs2trial.keytable import enrolled
from pacs2trial.settings import Settings
from pacs2trial.workspace import Workspace

home, trials, database, programs = sys.argv[1:]
ws = Workspace.open(Settings(home=Path(home), trials=Path(trials), database_url=database, face_programs=Path(programs)))
(found,) = enrolled(ws.vault, "LUNGART", ["LA-001"])
filter_subject(ws, ws.definition("LUNGART"), found)
"""


def test_a_filter_that_was_killed_beside_the_program_is_done_again_and_nothing_stays(
    site: Hospital, tmp_path: Path
) -> None:
    site.stage(head())
    changed_program(site, tmp_path, KILLS)
    told = site.ws.settings
    command = [sys.executable, "-c", FILTERS, told.home, told.trials, told.database_url, told.face_programs]
    assert subprocess.run([str(one) for one in command], check=False, capture_output=True, timeout=120).returncode == -9
    left = Path((tmp_path / "where").read_text())
    changed_program(site, tmp_path, PROGRAM)
    assert len(heads(collected(site))) == SLICES
    assert not left.exists()


@pytest.mark.parametrize("accept", [True, False])
def test_a_person_answers_to_what_could_not_be_removed(site: Hospital, tmp_path: Path, accept: bool) -> None:
    site.stage(head())
    changed_program(site, tmp_path, "copied()")
    filtered(site)
    (series,) = held_series(site.ws, site.ws.definition(LUNG))
    assert (series.rule, series.instances) == (f"{NOT_REMOVED}the program changed no voxel", SLICES)
    decide_held(site.ws, site.ws.definition(LUNG), series.token, accept=accept, reason="looked", actor="ann")
    changed_program(site, tmp_path, PROGRAM, version="1.1")
    assert len(heads(collected(site))) == (SLICES if accept else 0)
    assert not runs(tmp_path), "what a person decided needs no program"


def test_a_trial_can_ask_for_it_only_where_the_site_has_a_program(hospital: Hospital) -> None:
    with pytest.raises(InputError, match=r"line \d+, filter.faces: this site has no program that removes faces"):
        hospital.define(LUNG, filter={"faces": "deface"})


def test_a_trial_that_stops_asking_for_it_loses_the_masks(site: Hospital) -> None:
    site.stage(head())
    first = collected(site)
    site.define(LUNG, filter={"faces": {"then": "accept", "because": "changed its mind"}})
    second = collected(site)
    assert second.content_digest != first.content_digest
    assert not any("RecognizableVisualFeatures" in one for one in heads(second).values())


def test_restore_gives_the_same_bytes_although_the_program_is_gone(
    ran: Trial, demo_pacs: DemoPacs, tmp_path: Path
) -> None:
    add_new(demo_pacs, head())
    programs = registered(tmp_path, script(tmp_path, PROGRAM))
    ws = replace(ran.ws, settings=ran.ws.settings.model_copy(update={"face_programs": programs}))
    ran.site.define(retrieve="c-get", filter={"faces": "deface"})
    site = Hospital(ws)
    retrieve(ws, TRIAL, subjects=["LA-001"])
    first = collected(site, TRIAL)
    assert len(heads(first)) == SLICES
    packages, digests = ran.packages(), ran.digests()
    ran.lose()
    for path in (programs, tmp_path / "program.py"):
        path.unlink()
    for key in ("LA-001", "LA-002"):
        assert restore_subject(ran.ws, TRIAL, key, actor="test").complete
    assert (ran.packages(), ran.digests()) == (packages, digests)
    registered(tmp_path, script(tmp_path, "sys.exit(1)"), version="2.0")
    again = collected(site, TRIAL)
    assert (again.changed, again.content_digest, runs(tmp_path)) == (False, first.content_digest, 1)
