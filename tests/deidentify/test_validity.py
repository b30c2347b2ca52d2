"""Real files stay as valid as they were: dciodvfy finds no error in an output that it does not find in the input."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pydicom
import pytest

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.dicomfile.syntaxes import DEFLATED
from pacs2trial.errors import UnsafeObjectError
from pacs2trial.verify.validity import errors_of
from support.programs import need
from support.shared import SHARED
from support.stages import both_stages, file_of, stage1

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
OPTIONS = ("clean_descriptors", "retain_modified_dates", "retain_device_identity", "retain_patient_characteristics")
NO_OBJECTS = (".csv", ".json", ".txt", ".md", ".py", ".zip")
BOGUS = ("test_files/reportsi.dcm", "test_files/reportsi_with_empty_number_tags.dcm")
"""Their references hold ``0`` for class and instance alike; what stands for an instance is no class."""

EVERY_SLICE = 10
"""Of the long CT series every tenth slice is looked at, of the rest all."""


def files() -> Iterator[Path]:
    slices = 0
    for path in sorted(path for root in (SHIPPED, SHARED) for path in root.rglob("*") if path.is_file()):
        slices += path.parent.name == "ct-completed"
        if path.suffix not in NO_OBJECTS and (path.parent.name != "ct-completed" or slices % EVERY_SLICE == 1):
            yield path


class Verdicts:
    """What dciodvfy says of originals, remembered from run to run."""

    def __init__(self, cache: pytest.Cache, folder: Path) -> None:
        self._cache = cache
        self._folder = folder
        self.program = str(need("dciodvfy"))

    def of_original(self, path: Path) -> set[str]:
        data = path.read_bytes()
        key = f"dciodvfy/{hashlib.sha256(data).hexdigest()}"
        found = self._cache.get(key, None)
        if found is None:
            found = sorted(errors_of(self.program, self._inflated(path, data)))
            self._cache.set(key, found)
        return set(found)

    def _inflated(self, path: Path, data: bytes) -> Path:
        """dciodvfy does not read deflated objects."""
        if DEFLATED.encode() not in data[:1024]:
            return path
        inflated = self._folder / f"{hashlib.sha256(data).hexdigest()}.dcm"
        subprocess.run([need("dcmconv"), "+te", path, inflated], check=True, capture_output=True)
        return inflated


def test_no_file_has_an_error_that_it_did_not_have(
    request: pytest.FixtureRequest, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    assert request.config.cache is not None
    verdicts = Verdicts(request.config.cache, tmp_path)

    def new_errors(path: Path) -> tuple[str, set[str]]:
        try:
            obj = split_file(path.read_bytes())
            made = {"staging": stage1(obj), "trial": both_stages(obj, *OPTIONS)}
        except UnsafeObjectError as refused:
            return refused.reason, set()
        before = verdicts.of_original(path)
        return "clean", {
            f"{path.parent.name}/{path.name} {stage}: {error}"
            for stage, one in made.items()
            for error in errors_of(verdicts.program, file_of(one)) - before
        }

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        found = list(pool.map(new_errors, files()))
    outcomes = Counter(outcome for outcome, _ in found)
    record_property("outcomes of real files", dict(outcomes))
    assert sorted(error for _, errors in found for error in errors if not error.startswith(BOGUS)) == []
    assert outcomes["clean"] > 40
