"""Stage 2: staged objects, one at a time, through the trial's plan into the package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from pacs2trial.collect.chosen import Chosen
from pacs2trial.collect.layout import medium_name, member_name
from pacs2trial.collect.squeezing import Part
from pacs2trial.collect.values import ObjectValues, object_values
from pacs2trial.deidentify import Deidentified, deidentify
from pacs2trial.dicomfile.encoding import EncodedObject, file_bytes, split_file
from pacs2trial.dicomfile.mapped import MappedFile, parts_of
from pacs2trial.errors import PermanentError, UnsafeObjectError
from pacs2trial.keytable import EnrolledSubject
from pacs2trial.lookups import Answers
from pacs2trial.pixels.masks import unpacked
from pacs2trial.profile import Plan, PrivateAttribute, SubjectValues, trial_plan
from pacs2trial.redaction.header import FACE
from pacs2trial.redaction.redact import redact
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault import Original, Pseudonyms, Vault
from pacs2trial.vault.tables import Kind
from pacs2trial.workspace import Workspace


@dataclass(frozen=True)
class Recipe:
    """What turns the staged objects of one subject into those of one trial.

    Attributes:
        values: of the subject.
        pinned: what the vault keeps under a digest, such as the mask of a face.
        objects: by instance, the values of objects that differ from the subject's: of their visit, of look-ups.
    """

    definition: TrialDefinition
    plan: Plan
    values: SubjectValues
    pseudonyms: Pseudonyms
    pinned: Callable[[str], bytes]
    objects: Mapping[int, ObjectValues] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        vault: Vault,
        definition: TrialDefinition,
        subject: EnrolledSubject,
        private: tuple[PrivateAttribute, ...],
    ) -> Recipe:
        """Compile the trial's plan and look up what belongs to the subject.

        Args:
            vault: of the site.
            definition: of the trial.
            subject: as the key table has it.
            private: the site's own list of safe private attributes.
        """
        values = SubjectValues(
            subject_key=subject.subject_key,
            patient_id=subject.subject_key,
            date_shift=vault.date_shift(subject.person_id, definition.trial),
            columns=subject.columns,
        )
        return cls(
            definition, trial_plan(definition, private), values, vault.pseudonyms(definition.trial), vault.pinned
        )

    def completed(self, ws: Workspace, subject: EnrolledSubject, members: Sequence[Chosen], answers: Answers) -> Recipe:
        """This recipe with the values of each object; raises as :func:`pacs2trial.collect.values.object_values`."""
        found = object_values(ws, self.definition, self.plan, subject, self.values, members, answers)
        return replace(self, objects=found)

    def values_of(self, instance_id: int) -> SubjectValues:
        """The values that rules write into an object."""
        found = self.objects.get(instance_id)
        return found.values if found else self.values


@dataclass(frozen=True, slots=True)
class Addressed:
    """A chosen object and where it will stand in the package, by the trial's pseudonyms."""

    source: Chosen
    study: str
    series: str
    sop_instance: str
    name: str


def address(recipe: Recipe, members: Iterable[Chosen]) -> list[Addressed]:
    """Give every object its place, ordered by its UIDs; the pseudonyms are committed when this returns."""
    found = list(members)
    asked = {Original(Kind.UID, uid) for each in found for uid in (each.study, each.series, each.sop_instance)}
    pseudo = recipe.pseudonyms.resolve(asked)

    def trial_uid(staged: str) -> str:
        return pseudo[Original(Kind.UID, staged)]

    key = recipe.values.subject_key
    placed = [(each, trial_uid(each.study), trial_uid(each.series), trial_uid(each.sop_instance)) for each in found]
    addressed = [
        Addressed(each, study, series, sop_instance, member_name(key, study, series, sop_instance))
        for each, study, series, sop_instance in placed
    ]
    return sorted(addressed, key=lambda each: each.name)


def laid_out(definition: TrialDefinition, members: Sequence[Addressed]) -> list[Addressed]:
    """The members of one package under the names that they have in it, in the order of these."""
    if not definition.package.dicomdir:
        return list(members)
    named: list[Addressed] = []
    for study, of_study in enumerate(_grouped(members, lambda each: each.study), 1):
        for series, of_series in enumerate(_grouped(of_study, lambda each: each.series), 1):
            named += [
                replace(each, name=medium_name(study, series, number)) for number, each in enumerate(of_series, 1)
            ]
    return named


def _grouped(members: Iterable[Addressed], key: Callable[[Addressed], str]) -> list[list[Addressed]]:
    return [list(group) for _, group in groupby(members, key=key)]


def transform(recipe: Recipe, staging: Path, item: Addressed) -> tuple[Deidentified, list[Part]]:
    """One staged object through stage 2; its pixel bytes are slices of the mapped file, never copied.

    Where the trial has its face removed, the voxels that show it are blanked first.

    Returns:
        What the engine says of it, and the parts of the DICOM file in their order.

    Raises:
        PermanentError: the staged file is absent or damaged, or is not the object that the ledger says.
    """
    path = staging / item.source.path
    try:
        staged = MappedFile(path, whole=True)
        made = deidentify(
            _without_face(recipe, split_file(staged.view), item.source.mask),
            recipe.plan,
            recipe.pseudonyms,
            patient=recipe.values.subject_key,
            values=recipe.values_of(item.source.instance_id),
        )
    except (OSError, ValueError) as error:
        raise PermanentError(f"staged file {item.source.path} cannot be read: {type(error).__name__}") from None
    except UnsafeObjectError as error:
        raise PermanentError(f"staged file {item.source.path} is damaged: {error.reason}") from None
    if (made.study, made.series, made.sop_instance) != (item.study, item.series, item.sop_instance):
        raise PermanentError(
            f"staged file {item.source.path} holds another object than the ledger says; stage it again"
        )
    header = file_bytes(made.sop_class, made.sop_instance, made.transfer_syntax, made.header)
    return made, [header, *parts_of(staged, made.pixel)]


def _without_face(recipe: Recipe, staged: EncodedObject, mask: str) -> EncodedObject:
    return redact(staged, unpacked(recipe.pinned(mask)), FACE) if mask else staged
