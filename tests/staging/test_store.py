"""Names in the staging store, the room it needs, claims and leftovers."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pacs2trial.dicomfile.durable import TEMPORARY_SUFFIX
from pacs2trial.errors import TransientError
from pacs2trial.settings import Settings
from pacs2trial.staging.store import claim, need_room, relative_path, sweep


def test_a_staged_file_lies_by_patient_study_series_and_instance(settings: Settings):
    path = settings.staging / relative_path("P1", "2.25.1", "2.25.2", "2.25.3")
    assert path == settings.home / "staging" / "P1" / "2.25.1" / "2.25.2" / "2.25.3.dcm"


def test_another_content_is_named_by_eight_digits_of_its_digest():
    path = relative_path("P1", "2.25.1", "2.25.2", "2.25.3", digest="0123456789abcdef")
    assert path == Path("P1/2.25.1/2.25.2/2.25.3.01234567.dcm")


def test_too_little_room_is_refused_with_the_setting_that_decides(settings: Settings):
    settings.home.mkdir()
    free = shutil.disk_usage(settings.home).free // 2**20
    need_room(settings.model_copy(update={"minimum_free_mb": 0}), 1)
    with pytest.raises(TransientError, match="PACS2TRIAL_MINIMUM_FREE_MB"):
        need_room(settings.model_copy(update={"minimum_free_mb": free + 10_000}), 1)
    with pytest.raises(TransientError, match="free some space"):
        need_room(settings.model_copy(update={"minimum_free_mb": 0}), (free + 10_000) * 2**20)


def test_leftovers_are_swept_and_files_under_final_names_stay(settings: Settings):
    series = settings.staging / "P1" / "2.25.1" / "2.25.2"
    series.mkdir(parents=True)
    settings.quarantine.mkdir()
    whole = series / "2.25.3.dcm"
    leftovers = [series / f".abc{TEMPORARY_SUFFIX}", settings.quarantine / f".def{TEMPORARY_SUFFIX}"]
    for path in (whole, *leftovers):
        path.write_bytes(b"bytes")
    assert sweep(settings) == 2
    assert whole.exists()
    assert not any(path.exists() for path in leftovers)
    assert sweep(settings) == 0


def test_a_file_that_is_being_written_is_not_swept(settings: Settings):
    """The sweep waits for whoever writes, and finds the file renamed."""
    folder = settings.staging / "P1"
    folder.mkdir(parents=True)
    temporary, final = folder / f".abc{TEMPORARY_SUFFIX}", folder / "2.25.3.dcm"
    written = threading.Event()

    def write() -> None:
        with claim(settings, "2.25.3"):
            temporary.write_bytes(b"bytes")
            written.set()
            time.sleep(0.5)
            temporary.rename(final)

    writer = threading.Thread(target=write)
    writer.start()
    written.wait()
    assert sweep(settings) == 0
    writer.join()
    assert final.read_bytes() == b"bytes"


def test_a_claim_excludes_other_threads_and_other_processes(settings: Settings, tmp_path: Path):
    settings.home.mkdir()
    order: list[str] = []
    program = (
        "import sys; from pacs2trial.settings import Settings; from pacs2trial.staging.store import claim\n"
        f"with claim(Settings(home={str(settings.home)!r}), '2.25.3'): print('claimed', flush=True)"
    )

    def other_thread() -> None:
        with claim(settings, "2.25.3"):
            order.append("thread")

    with claim(settings, "2.25.3"):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
        thread = threading.Thread(target=other_thread)
        thread.start()
        time.sleep(1)
        assert process.poll() is None
        order.append("first")
    thread.join()
    assert process.wait(30) == 0
    assert order == ["first", "thread"]


def test_the_claim_of_a_killed_process_is_free(settings: Settings, tmp_path: Path):
    program = (
        "import os; from pacs2trial.settings import Settings; from pacs2trial.staging.store import claim\n"
        f"with claim(Settings(home={str(settings.home)!r}), '2.25.3'): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False).returncode == -9
    with claim(settings, "2.25.3"):
        pass
