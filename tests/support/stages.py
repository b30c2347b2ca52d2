"""Both stages of de-identification without a vault, and their output read back by another reader."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping

import pydicom
from pydicom.dataset import Dataset

from pacs2trial.deidentify import Deidentified, deidentify
from pacs2trial.dicomfile.encoding import EXPLICIT_LITTLE, EncodedObject, file_bytes, split_dataset, split_file
from pacs2trial.profile import SubjectValues, staging_plan, trial_plan
from pacs2trial.trials.definition import TrialDefinition
from support.definitions import trial
from support.objects import TableOfPseudonyms, encoded

PATIENT_CODE = "K7Q2M9XA"
SUBJECT_KEY = "LA-001"
SHIFT = -37


def as_encoded(obj: Dataset | bytes | EncodedObject, syntax: str = EXPLICIT_LITTLE) -> EncodedObject:
    if isinstance(obj, EncodedObject):
        return obj
    return split_dataset(encoded(obj) if isinstance(obj, Dataset) else obj, syntax)


def stage1(
    obj: Dataset | bytes | EncodedObject,
    syntax: str = EXPLICIT_LITTLE,
    *,
    pseudonyms: TableOfPseudonyms | None = None,
) -> Deidentified:
    """The staging plan applied; data sets are sent in explicit VR."""
    return deidentify(as_encoded(obj, syntax), staging_plan(), pseudonyms or TableOfPseudonyms(), patient=PATIENT_CODE)


def stage2(
    obj: Dataset | bytes | EncodedObject,
    *options: str,
    definition: TrialDefinition | None = None,
    shift: int = SHIFT,
    pseudonyms: TableOfPseudonyms | None = None,
    columns: Mapping[str, str] | None = None,
    lookups: Mapping[str, str] | None = None,
) -> Deidentified:
    """A trial plan applied, to an original or to a staged object."""
    values = SubjectValues(SUBJECT_KEY, PATIENT_CODE, shift, columns or {}, lookups or {})
    plan = trial_plan(definition or trial(*options))
    scope = pseudonyms or TableOfPseudonyms(plan.scope)
    return deidentify(as_encoded(obj), plan, scope, patient=SUBJECT_KEY, values=values)


def both_stages(obj: Dataset | bytes | EncodedObject, *options: str) -> Deidentified:
    return stage2(split_file(file_of(stage1(obj))), *options)


def file_of(made: Deidentified) -> bytes:
    """The whole file as staging or a package keeps it."""
    head = file_bytes(made.sop_class, made.sop_instance, made.transfer_syntax, made.header)
    return b"".join([head, *map(bytes, made.pixel)])


def reread(made: Deidentified) -> Dataset:
    """What pydicom makes of it, every value converted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pydicom.dcmread(io.BytesIO(file_of(made)))
        for _ in found.iterall():
            pass
    return found
