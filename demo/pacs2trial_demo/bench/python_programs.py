"""Programs in Python, ours among them: each runs in a process of its own, which tells what its start took and its work.

``python -m pacs2trial_demo.bench.python_programs NAME OUT FILE...`` starts, takes the first file to warm up, and then
all of them.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

Work = Callable[[list[Path], Path], None]


def _stage_1() -> Work:
    from pacs2trial_demo.bench.stages import stage_1

    return stage_1


def _stage_2() -> Work:
    from pacs2trial_demo.bench.stages import stage_2

    return stage_2


def _package(compression: str) -> Work:
    from pacs2trial_demo.bench.stages import package

    return partial(package, compression)


def _pydicom() -> Work:
    import pydicom

    def work(files: list[Path], out: Path) -> None:
        for path in files:
            pydicom.dcmread(path).save_as(out / path.name)

    return work


def _kitware() -> Work:
    from dicomanonymizer import anonymize_dicom_file

    def work(files: list[Path], out: Path) -> None:
        for path in files:
            anonymize_dicom_file(str(path), str(out / path.name))

    return work


def _deid() -> Work:
    from deid.config import DeidRecipe
    from deid.dicom import get_identifiers, replace_identifiers

    def work(files: list[Path], out: Path) -> None:
        names = [str(path) for path in files]
        replace_identifiers(
            dicom_files=names,
            ids=get_identifiers(names),
            deid=DeidRecipe(),
            save=True,
            overwrite=True,
            remove_private=True,
            output_folder=str(out),
        )

    return work


PROGRAMS: Mapping[str, Callable[[], Work]] = {
    "stage 1": _stage_1,
    "stage 2": _stage_2,
    "stage 2 + zip, stored": partial(_package, "store"),
    "stage 2 + zip, fast": partial(_package, "fast"),
    "pydicom read + write": _pydicom,
    "dicom-anonymizer (Kitware)": _kitware,
    "deid (pydicom)": _deid,
}


def run_apart(name: str, files: list[Path], out: Path) -> tuple[float, float, float]:
    """Seconds by the clock and of processor time that the work on all ``files`` took, and of the start before it."""
    command = [sys.executable, "-m", "pacs2trial_demo.bench.python_programs", name, str(out), *map(str, files)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    wall, cpu, start = json.loads(done.stdout.splitlines()[-1])
    return wall, cpu, start


def cpu_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main(name: str, out: Path, files: list[Path]) -> None:
    work = PROGRAMS[name]()
    with tempfile.TemporaryDirectory(dir=out.parent) as warm:
        work(files[:1], Path(warm))
    cpu, wall = cpu_seconds(), time.perf_counter()
    work(files, out)
    print(json.dumps([time.perf_counter() - wall, cpu_seconds() - cpu, cpu]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
