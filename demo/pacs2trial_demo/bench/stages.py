"""Stage 1 and stage 2 on files, one object after another in one process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from pacs2trial.collect.chosen import Chosen
from pacs2trial.collect.stage2 import Recipe, address
from pacs2trial.collect.writing import write_package
from pacs2trial.deidentify import deidentify
from pacs2trial.dicomfile.durable import write_durably
from pacs2trial.dicomfile.encoding import file_bytes, split_file
from pacs2trial.dicomfile.mapped import mapped
from pacs2trial.profile import Plan, SubjectValues, staging_plan, trial_plan
from pacs2trial.profile.statement import statement
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import Package, TrialDefinition
from pacs2trial.vault import Original, Pseudonyms

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


def package(compression: str, files: list[Path], out: Path) -> None:
    """Stage 2 of staged files into one zip, as ``pacs2trial collect`` writes it; the vault's part is left out."""
    definition = _DEFINITION.model_copy(update={"package": Package.model_validate({"compression": compression})})
    values = SubjectValues(subject_key="B-001", patient_id="PSEUDO", date_shift=-100, columns={})
    recipe = Recipe(
        definition, trial_plan(definition), values, cast(Pseudonyms, NumberedPseudonyms()), pinned=str.encode
    )
    settings = Settings(home=out, trials=out, durable=False)
    members = address(recipe, [_chosen(path) for path in files])
    write_package(settings, recipe, "", members, statement(recipe.plan), out, "a.zip")


def _chosen(path: Path) -> Chosen:
    top = split_file(mapped(path, whole=False))
    study, series, sop_instance = (
        top.value(tag).decode("ascii").rstrip("\0 ") for tag in (0x0020000D, 0x0020000E, 0x00080018)
    )
    return Chosen(0, 0, study, series, sop_instance, "", str(path.absolute()), "")


def _stage(files: list[Path], out: Path, plan: Plan, patient: str, values: SubjectValues | None) -> None:
    pseudonyms = NumberedPseudonyms()
    for path in files:
        made = deidentify(split_file(mapped(path, whole=True)), plan, pseudonyms, patient=patient, values=values)
        head = file_bytes(made.sop_class, made.sop_instance, made.transfer_syntax, made.header)
        write_durably(out / path.name, [head, *made.pixel], durable=False)
