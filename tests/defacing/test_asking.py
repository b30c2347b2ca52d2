"""A program of the site asked which voxels show a face: what is taken from it, and when it is not believed."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from pacs2trial.defacing import folder as folders
from pacs2trial.defacing.asking import Face, ask
from pacs2trial.defacing.failure import NotRemovedError
from pacs2trial.trials.face_programs import face_programs
from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.identities import LUCZYNSKA
from support.face_programs import CUT, registered, script
from support.hospital import SECOND_DAY

SLICES, MATRIX = 3, 32
FRONT = MATRIX // 3


def head(slices: int = SLICES, **changes: object) -> list[FileDataset]:
    made = study(LUCZYNSKA, when=SECOND_DAY, parts={"CT"}, slices=slices, matrix=MATRIX)
    for number, one in enumerate(made):
        values = np.random.default_rng(number).integers(-900, 2000, (MATRIX, MATRIX)).astype(np.int16)
        one.PixelData, one.PixelRepresentation, one.BitsStored, one.HighBit = values.tobytes(), 1, 16, 15
        for keyword, value in changes.items():
            setattr(one, keyword, value)
    return made


def asked(
    tmp_path: Path, objects: Iterable[FileDataset], body: str = CUT, *, value: str = "-5000", **told: object
) -> Face:
    given: dict[str, Path] = {}
    for number, one in enumerate(objects):
        path = given[str(one.SOPInstanceUID)] = tmp_path / f"{number}.dcm"
        path.write_bytes(part10(one))
    (program,) = face_programs(registered(tmp_path, script(tmp_path, body, value), **told))
    home = tmp_path / "home"
    home.mkdir()
    return ask(program, given, home)


def front() -> np.ndarray:
    plane = np.zeros((MATRIX, MATRIX), bool)
    plane[:FRONT] = True
    return plane


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the folder in memory, so that tests at the same time do not see each other's."""
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(folders, "MEMORY", folder)
    return folder


def test_the_voxels_that_a_program_changed_are_told_object_by_object(tmp_path: Path) -> None:
    objects = head()
    face = asked(tmp_path, objects)
    assert set(face.masks) == {str(one.SOPInstanceUID) for one in objects}
    assert all(list(mask.planes) == [1] and (mask.planes[1] == front()).all() for mask in face.masks.values())
    assert face.changed == pytest.approx(FRONT / MATRIX)


def test_objects_in_which_nothing_was_changed_have_no_mask(tmp_path: Path) -> None:
    objects = head()
    body = "each(lambda ds, values: cut(ds, values) if ds.InstanceNumber == 2 else None)"
    face = asked(tmp_path, objects, body)
    assert list(face.masks) == [str(one.SOPInstanceUID) for one in objects if one.InstanceNumber == 2]


def test_voxels_that_had_the_value_of_the_program_before_do_not_draw_the_face(tmp_path: Path) -> None:
    objects = head()
    for one in objects:
        values = one.pixel_array.copy()
        values[:6, 5:20] = values[9, 9] = values[20, 20] = 0  # air before the face, a voxel in it, one in the brain
        one.PixelData = values.tobytes()
    face = asked(tmp_path, objects, value="0")
    assert all((mask.planes[1] == front()).all() for mask in face.masks.values())


def test_single_voxels_that_a_program_met_by_chance_are_taken_with_the_others(tmp_path: Path) -> None:
    body = """
import numpy as np
def other(ds, values):
    noise = np.random.default_rng(9).integers(-900, 2000, values[:10].shape)
    noise[4, 4] = values[4, 4]
    values[:10] = noise
each(other)
"""
    face = asked(tmp_path, head(), body)
    assert all((mask.planes[1] == front()).all() for mask in face.masks.values())


def test_compressed_objects_are_given_to_the_program_uncompressed(tmp_path: Path) -> None:
    objects = head()
    for one in objects:
        one.compress("1.2.840.10008.1.2.5")
    body = (
        "from pydicom import dcmread\n"
        "assert not any(dcmread(path).file_meta.TransferSyntaxUID.is_compressed for path in given.iterdir())\n"
        "each(cut)"
    )
    face = asked(tmp_path, objects, body)
    assert all((mask.planes[1] == front()).all() for mask in face.masks.values())


def _elsewhere(objects: list[FileDataset]) -> None:
    objects[-1].ImageOrientationPatient = [0, 1, 0, 1, 0, 0]


def _twice_there(objects: list[FileDataset]) -> None:
    objects[-1].ImagePositionPatient = objects[0].ImagePositionPatient


def _nowhere(objects: list[FileDataset]) -> None:
    del objects[1].ImagePositionPatient


FAILURES: dict[str, tuple[str, dict[str, object], str]] = {
    "status": ("copied()\nsys.exit(3)", {}, "the program ended with status 3"),
    "time": ("time.sleep(60)", {"minutes": 0.002}, "the program did not end within 0.002 minutes"),
    "missing": ("copied()[0].unlink()", {}, "the program left objects out"),
    "none": ("", {}, "the program left objects out"),
    "extra": (
        (
            "path = copied()[0]\ndata = path.read_bytes()\nuid = {uid!r}.encode()\n"
            "(made / 'another').write_bytes(data.replace(uid, uid[:-1] + b'0'))"
        ),
        {},
        "the program added objects",
    ),
    "twice": ("shutil.copy(copied()[0], made / 'again')", {}, "the program added objects"),
    "no DICOM": ("copied()\n(made / 'log.txt').write_text('done')", {}, "the program wrote what is no DICOM object"),
    "links": ("copied()\n(made / 'link').symlink_to(given)", {}, "the program wrote links"),
    "matrix": (
        "def turn(ds, values):\n    ds.Rows, ds.Columns = 16, 64\neach(turn)",
        {},
        "the program gave an object another matrix, other frames or other bits",
    ),
    "bits": (
        "def less(ds, values):\n    ds.BitsStored, ds.HighBit = 12, 11\neach(less)",
        {},
        "the program gave an object another matrix, other frames or other bits",
    ),
    "truncated": (
        "path = copied()[0]\npath.write_bytes(path.read_bytes()[:-50])",
        {},
        "the program wrote what is no DICOM object",
    ),
    "nothing": ("copied()", {}, "the program changed no voxel"),
    "little": (
        "def dot(ds, values):\n    values[3, 3] = -5000\neach(dot)",
        {"at_least": 0.01},
        "the program changed too few voxels for a face",
    ),
    "everything": (
        "def all_of_it(ds, values):\n    values[:] = -5000\neach(all_of_it)",
        {},
        "the program changed too many voxels for a face",
    ),
    "share": (CUT, {"at_most": 0.2}, "the program changed too many voxels for a face"),
    "absent": (CUT, {"command": ["/nowhere/deface", "{in}", "{out}"]}, "the program is not there"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_program_that_fails_is_told_and_leaves_nothing_behind(tmp_path: Path, memory: Path, kind: str) -> None:
    body, told, reason = FAILURES[kind]
    with pytest.raises(NotRemovedError) as failure:
        objects = head(2)
        asked(tmp_path, objects, body.replace("{uid!r}", repr(str(objects[0].SOPInstanceUID))), **told)
    assert failure.value.reason == reason
    assert not [path for folder in (tmp_path / "home", memory) for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_elsewhere, "the series is more than one volume"),
        (_twice_there, "the series is more than one volume"),
        (_nowhere, "the objects do not tell where their images lie"),
    ],
)
def test_a_program_is_asked_of_one_volume_only(
    tmp_path: Path, change: Callable[[list[FileDataset]], None], reason: str
) -> None:
    objects = head()
    change(objects)
    with pytest.raises(NotRemovedError) as failure:
        asked(tmp_path, objects, "(made / '..' / '..' / 'asked').write_text('')")
    assert failure.value.reason == reason


def test_a_program_gets_private_folders_in_memory_and_no_secrets(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACS2TRIAL_DATABASE_URL", "secret")
    monkeypatch.setenv("AIRFLOW_CONN_MAIN", "secret")
    told = tmp_path / "told"
    body = f"""
modes = [oct(Path(path).stat().st_mode & 0o777) for path in (given, made, Path.cwd(), given.parent)]
Path({str(told)!r}).write_text("\\n".join([str(given), *modes, *os.environ]))
each(cut)
"""
    asked(tmp_path, head(2), body)
    place, *rest = told.read_text().splitlines()
    assert Path(place).is_relative_to(memory)
    assert rest[:4] == ["0o700"] * 4
    assert not [name for name in rest if name.startswith(("PACS2TRIAL", "AIRFLOW"))]
    assert not Path(place).exists()


def test_where_memory_is_short_the_folder_lies_in_the_sites_home_and_is_private(tmp_path: Path) -> None:
    with folders.private_folder(tmp_path, 1 << 60) as folder:
        assert folder.is_relative_to(tmp_path)
        assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    left = tmp_path / folders.NAME / "left"
    left.mkdir(parents=True)
    (left / "face").write_bytes(b"x")
    with folders.private_folder(tmp_path, 1 << 60) as first:
        assert not left.exists()
        with folders.private_folder(tmp_path, 1 << 60):
            assert first.exists()
