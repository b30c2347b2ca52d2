"""Returned objects mapped back to their patients, all of them or none, into a folder that only its owner reads."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import InvalidDicomError

from pacs2trial.errors import InputError, TransientError
from pacs2trial.media import Member, NoObject, PlainFile, Unread, offered, read_file
from pacs2trial.media.directory import is_directory
from pacs2trial.returned.patients import Patient, patient_of
from pacs2trial.returned.uids import Way, made_here, put_back, uid_elements, values, ways_back
from pacs2trial.workspace import Workspace

CALLER = "reidentify"
_CLINICAL_TRIAL_GROUP = 0x0012
_OF_DEIDENTIFICATION = ("LongitudinalTemporalInformationModified", "OtherPatientIDs", "OtherPatientIDsSequence")


@dataclass(frozen=True)
class Returned:
    """What was written where; the files are named by the UIDs that the trial gave to its objects."""

    folder: Path
    files: int
    subjects: Sequence[str]


@dataclass
class _Object:
    label: str
    dataset: FileDataset
    trial: str = ""
    study: str = ""
    subject_key: str = ""


def map_back(ws: Workspace, paths: Sequence[Path], output: Path, *, actor: str, reason: str) -> Returned:
    """Give objects that a trial derived (RTSTRUCT, SEG, REG, SR …) the identity of their patient, for import here.

    Patient and UIDs become the originals, through both scopes. The UIDs of what is new stay. Attributes of the trial
    and of its de-identification go, as does what this site cannot vouch for: accession number and study ID. Nothing
    that cannot be mapped surely is written, and nothing at all if that is so for one object. Audited before anything is
    decrypted for good.

    Args:
        ws: the site.
        paths: files, folders and archives of them.
        output: a folder that does not exist yet or is empty.
        actor: who asks.
        reason: why; written to the audit table.

    Raises:
        InputError: what is wrong, one line for each object by its place among the files, without any value.
        TransientError: the folder cannot be written to.
    """
    if not reason.strip():
        raise InputError("a re-identification needs a reason: --reason TEXT")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output} is there already and not an empty folder")
    objects, problems = _read(paths)
    uids = {uid for one in objects for element in uid_elements(one.dataset) for uid in values(element)}
    purpose = f"returned objects: {reason}"
    ways = ways_back(ws.vault, uids, caller=CALLER, purpose=purpose)
    new = made_here([one.dataset for one in objects], ways)
    mapped: list[_Object] = []
    for one in objects:
        try:
            _map(ws, one, ways, new, purpose)
        except InputError as error:
            problems += [f"{one.label}: {problem}" for problem in error.problems]
        else:
            mapped.append(one)
    if problems or not mapped:
        raise InputError(*(problems or ["there is no DICOM object in what was named"]))
    subjects = sorted({f"{one.trial}/{one.subject_key}" for one in mapped})
    ws.vault.audit.record(
        "reidentify files", actor=actor, target=", ".join(subjects)[:200], reason=reason, files=len(mapped)
    )
    _write(output, mapped)
    return Returned(output, len(mapped), subjects)


def _read(paths: Sequence[Path]) -> tuple[list[_Object], list[str]]:
    objects: list[_Object] = []
    problems: list[str] = []
    for one in offered(paths):
        label = one.at.label
        try:
            match one:
                case PlainFile(path=path) if not is_directory(one.at.name):
                    objects.append(_Object(label, _dataset(read_file(path))))
                case Member(data=data) if not is_directory(one.at.name):
                    objects.append(_Object(label, _dataset(data)))
                case NoObject():
                    problems.append(f"{label}: cannot be read as a DICOM file")
                case Unread(fault=fault):
                    problems.append(f"{label}: {fault}")
        except (InvalidDicomError, OSError, ValueError, LookupError, AttributeError):
            problems.append(f"{label}: cannot be read as a DICOM file")
    return objects, problems


def _dataset(data: bytes) -> FileDataset:
    dataset = dcmread(io.BytesIO(data))
    dataset.decode()
    return dataset


def _map(ws: Workspace, one: _Object, ways: Mapping[str, list[Way]], new: set[str], purpose: str) -> None:
    """Map one object in memory.

    Raises:
        InputError: it cannot be mapped surely.
    """
    dataset = one.dataset
    if dataset.get("SOPInstanceUID") in ways:
        raise InputError("it is an object that was sent from here, not one that was made of it")
    of_study = ways.get(str(dataset.get("StudyInstanceUID", "")), [])
    if len(of_study) != 1:
        raise InputError("its study is none that was sent from here")
    one.trial, one.study, one.subject_key = of_study[0].trial, of_study[0].staged, str(dataset.get("PatientID", ""))
    patient = patient_of(
        ws.vault, one.trial, one.subject_key, one.study, caller=CALLER, purpose=f"{one.trial}: {purpose}"
    )
    strange = put_back(dataset, one.trial, ways, new)
    if strange:
        raise InputError(f"it refers to what was not sent from here for trial {one.trial}: {', '.join(strange)}")
    _identify(dataset, patient)


def _identify(dataset: Dataset, patient: Patient) -> None:
    """Write the Patient module (PS3.3 C.7.1.1) and remove what belongs to the trial."""
    for tag in [element.tag for element in dataset if element.tag.group == _CLINICAL_TRIAL_GROUP]:
        del dataset[tag]
    for keyword in _OF_DEIDENTIFICATION:
        if keyword in dataset:
            delattr(dataset, keyword)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientID = patient.name, patient.patient_id
    dataset.PatientBirthDate, dataset.PatientSex = patient.birth_date, patient.sex
    dataset.PatientIdentityRemoved = "NO"
    dataset.AccessionNumber = dataset.StudyID = ""
    if patient.issuer:
        dataset.IssuerOfPatientID = patient.issuer
    elif "IssuerOfPatientID" in dataset:
        del dataset.IssuerOfPatientID
    if patient.study_date:
        dataset.StudyDate = patient.study_date.strftime("%Y%m%d")


def _write(folder: Path, objects: Sequence[_Object]) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        for one in objects:
            path = folder / f"{one.dataset.SOPInstanceUID}.dcm"
            one.dataset.file_meta.MediaStorageSOPInstanceUID = one.dataset.SOPInstanceUID
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                one.dataset.save_as(file, enforce_file_format=True)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise TransientError(f"cannot write to {folder}: {error.strerror}") from None
