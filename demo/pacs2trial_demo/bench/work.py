"""What is timed: one function takes files from a folder into another one."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pydicom

from pacs2trial.deidentify import deidentify
from pacs2trial.dicomfile.durable import write_durably
from pacs2trial.dicomfile.encoding import file_bytes, split_file
from pacs2trial.profile import Plan, SubjectValues, staging_plan, trial_plan
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault import Original

Work = Callable[[list[Path], Path], None]

_DEFINITION = TrialDefinition.model_validate(
    {
        "trial": "BENCH",
        "sponsor": "Bench",
        "protocol": "B-1",
        "keys": {"file": "bench.csv"},
        "subject_key": "B-[0-9]{3}",
        "source": {"pacs": "none", "modalities": ["CT"]},
        "profile": {"options": ["clean_descriptors", "retain_modified_dates", "retain_patient_characteristics"]},
    }
)


class NumberedPseudonyms:
    """Pseudonyms by order of asking: the vault's cost is not what is measured here."""

    def __init__(self) -> None:
        self._known: dict[Original, str] = {}

    def resolve(self, originals: Iterable[Original]) -> Mapping[Original, str]:
        return {o: self._known.setdefault(o, f"2.25.{10**37 + len(self._known)}") for o in originals}


def stage_1(files: list[Path], out: Path) -> None:
    _stage(files, out, staging_plan(), "PSEUDO", None)


def stage_2(files: list[Path], out: Path) -> None:
    values = SubjectValues(subject_key="B-001", patient_id="PSEUDO", date_shift=-100, columns={})
    _stage(files, out, trial_plan(_DEFINITION), "B-001", values)


def _stage(files: list[Path], out: Path, plan: Plan, patient: str, values: SubjectValues | None) -> None:
    pseudonyms = NumberedPseudonyms()
    for path in files:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            view = memoryview(data)
            made = deidentify(split_file(view), plan, pseudonyms, patient=patient, values=values)
            head = file_bytes(made.sop_class, made.sop_instance, made.transfer_syntax, made.header)
            write_durably(out / path.name, [head, *made.pixel], durable=False)
            del made
            view.release()


def pydicom_read_write(files: list[Path], out: Path) -> None:
    for path in files:
        pydicom.dcmread(path).save_as(out / path.name)


def copy(files: list[Path], out: Path) -> None:
    for path in files:
        shutil.copyfile(path, out / path.name)


def gdcmanon(files: list[Path], out: Path) -> None:
    """GDCM's anonymiser with its basic profile, if Debian's libgdcm-tools is installed."""
    key = out / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=bench",
         "-out", str(key)],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(
        ["gdcmanon", "-e", "-c", str(key), "-i", str(files[0].parent), "-o", str(out / "files")],
        check=True, capture_output=True,
    )  # fmt: skip


def dcmodify(files: list[Path], out: Path) -> None:
    """DCMTK's editor with five attributes, on a copy; it applies no profile."""
    copy(files, out)
    edits = [
        part for tag in ("0010,0010", "0010,0020", "0010,0030", "0008,0050", "0008,0090") for part in ("-m", f"{tag}=")
    ]
    subprocess.run(["dcmodify", "-nb", *edits, *map(str, sorted(out.iterdir()))], check=True, env=os.environ | {})


def all_work() -> dict[str, Work]:
    """What can be measured on this machine, by name; ours first."""
    work: dict[str, Work] = {
        "stage 1": stage_1,
        "stage 2": stage_2,
        "pydicom read + write": pydicom_read_write,
        "copy": copy,
    }
    others: dict[str, Work] = {"gdcmanon": gdcmanon, "dcmodify": dcmodify}
    return work | {program: function for program, function in others.items() if shutil.which(program)}
