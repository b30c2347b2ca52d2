"""The site's own programs that remove faces, by which the trials that say ``faces: deface`` have them removed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from pacs2trial.errors import InputError
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.part import Part, Quoted
from pacs2trial.trials.site_file import listed

IN, OUT, WORK = FOLDERS = "{in}", "{out}", "{work}"
"""What stands in a command for the folder with the objects, for that of the result, and for one to work in."""

Modality = Annotated[str, Field(pattern=r"^[A-Z]{2,16}$")]
Told = Annotated[Quoted, Field(pattern=r"^[\w .+()-]{1,80}$")]


class FaceProgram(Part):
    """A program that is given a folder of DICOM objects and writes them into another one with their faces removed.

    Attributes:
        name, version: what is recorded with each answer. What failed is asked again when anything here changes.
        command: the program and its arguments; ``{in}`` and ``{out}`` stand for the two folders.
        modalities: of the series that it is asked about.
        minutes: after which it is stopped, and has failed.
        at_least, at_most: the part of all voxels of a series that may change, from 0 to 1; otherwise it has failed.
    """

    name: Told
    version: Told
    command: Annotated[tuple[Quoted, ...], Field(min_length=1)]
    modalities: Annotated[tuple[Modality, ...], Field(min_length=1)] = ("CT", "MR", "PT")
    minutes: Annotated[float, Field(gt=0, le=1440)] = 30
    at_least: Annotated[float, Field(ge=0, lt=1)] = 0.0005
    at_most: Annotated[float, Field(gt=0, lt=1)] = 0.6

    @field_validator("command")
    @classmethod
    def _names_folders(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        for folder in (IN, OUT):
            if not any(folder in argument for argument in command[1:]):
                raise ValueError(f"no argument names {folder}")
        return command

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.at_least >= self.at_most:
            raise ValueError("at_least must be less than at_most")
        return self

    @property
    def digest(self) -> str:
        """Of everything that is said of it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def words(self) -> str:
        return f"{self.name} {self.version}"

    def found(self) -> str | None:
        """The path of the program on this machine; None if it is not there or may not be run."""
        return shutil.which(self.command[0])


def face_programs(path: Path | None) -> tuple[FaceProgram, ...]:
    """The programs of the site's file, a YAML list; none without a file.

    Raises:
        InputError: the file is absent, is no YAML, or something in it is no such program.
    """
    return listed(path, FaceProgram, "PACS2TRIAL_FACE_PROGRAMS")


def program_for(programs: Sequence[FaceProgram], modality: str) -> FaceProgram | None:
    """The first program that is for a modality."""
    return next((one for one in programs if modality in one.modalities), None)


def require_face_program(definition: TrialDefinition, path: Path | None) -> None:
    """Return if the site can do what a definition says of faces.

    Raises:
        InputError: faces are to be removed, and the site names no program, or its file is wrong.
    """
    if definition.filter.faces.then == "deface" and not face_programs(path):
        raise InputError(
            f"{definition.place(('filter', 'faces'))}: this site has no program that removes faces; name one in the "
            "file of PACS2TRIAL_FACE_PROGRAMS (docs/faces.md), or say hold"
        )
