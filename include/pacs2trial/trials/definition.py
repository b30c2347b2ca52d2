"""The model of a trial definition: what one YAML file under ``include/trials`` says. It never holds an identity."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from pacs2trial.trials.filter import Filter
from pacs2trial.trials.lookups import NAME, Lookup
from pacs2trial.trials.nearest import unknown
from pacs2trial.trials.notices import Notice
from pacs2trial.trials.part import Part, faults
from pacs2trial.trials.rules import AttributeRule
from pacs2trial.trials.select import Select
from pacs2trial.trials.source import Location, Origin

STAGING = "STAGING"
"""The scope of stage 1; no trial may be called so."""

SAFE_SUBJECT_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Subject keys become patient IDs (VR LO, at most 64 characters), file names and folder names."""

CRON = re.compile(r"@(hourly|daily|weekly|monthly)|([0-9A-Za-z*,/#-]+\s+){4}[0-9A-Za-z*,/#-]+")

Text = Annotated[str, Field(min_length=1)]
Modality = Annotated[str, Field(pattern=r"^[A-Z0-9_ ]{1,16}$")]


class Option(StrEnum):
    """The options of PS3.15 E.3 that a trial may ask for."""

    CLEAN_DESCRIPTORS = "clean_descriptors"
    CLEAN_GRAPHICS = "clean_graphics"
    CLEAN_PIXEL_DATA = "clean_pixel_data"
    CLEAN_STRUCTURED_CONTENT = "clean_structured_content"
    RETAIN_DEVICE_IDENTITY = "retain_device_identity"
    RETAIN_FULL_DATES = "retain_full_dates"
    RETAIN_INSTITUTION_IDENTITY = "retain_institution_identity"
    RETAIN_MODIFIED_DATES = "retain_modified_dates"
    RETAIN_PATIENT_CHARACTERISTICS = "retain_patient_characteristics"
    RETAIN_SAFE_PRIVATE = "retain_safe_private"


class Site(Part):
    id: str = ""
    name: str = ""


class Keys(Part):
    """Where the key table comes from: a file under ``$PACS2TRIAL_HOME/keys``, or a query over a connection."""

    file: Text | None = None
    connection: Text | None = None
    query: Text | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.file and (self.connection or self.query):
            raise ValueError("names both a file and a query; keep one")
        if not self.file and not (self.connection and self.query):
            raise ValueError("needs either file, or connection and query")
        return self


class Source(Part):
    """Which PACS, which objects, and how they are pulled."""

    pacs: Text
    modalities: Annotated[tuple[Modality, ...], Field(min_length=1)]
    retrieve: Literal["c-move", "c-get", "dicomweb"] = "c-move"
    select: Select | None = None


def studies_words(source: Source) -> str:
    """Which studies and objects a trial takes, for people."""
    chosen = f"Of these, a study belongs when {source.select.words()}." if source.select else "All of them belong."
    return (
        f"Asked for are the studies of each subject in the PACS of connection {source.pacs} that hold "
        f"{', '.join(source.modalities)}; their objects of these modalities come by {source.retrieve}. {chosen}"
    )


class RoiNames(Part):
    """ROI names that may leave: those of TG-263, and a list of the trial's own.

    Another name becomes ``ROI_<number>``, or holds its subject until a person has decided about it.
    """

    allow: Literal["tg263", "none"] = "tg263"
    also: tuple[Text, ...] = ()
    unknown: Literal["number", "hold"] = "number"


class Descriptors(Part):
    """Words and phrases that stay in descriptions, besides those that pacs2trial knows to name nobody."""

    also: tuple[Text, ...] = ()


class Ages(Part):
    """How old a patient may be said to be, in years; who is older is given the next age, meaning that age or more."""

    cap: Annotated[int, Field(ge=1, le=998)]


class Offset(Part):
    """Days from an event in the life of a subject to each study: Longitudinal Temporal Offset from Event (0012,0052).

    Attributes:
        column: of the key table, with the day of the event, ``20240131`` or ``2024-01-31``.
        event: what (0012,0053) calls it, in the terms of PS3.3 C.7.1.3.
        because: why; whoever knows the day of the event can tell by the offset on what day a study was.
    """

    column: Text
    event: Literal["ENROLLMENT", "BASELINE"]
    because: Text


class Profile(Part):
    """What is asked of PS3.15 on top of the Basic Profile.

    ``birth_date``: whether Patient's Birth Date (0010,0030) is emptied, or its year stays as 1 January of that year.
    """

    options: tuple[Option, ...] = ()
    rules: tuple[AttributeRule, ...] = ()
    roi_names: RoiNames = RoiNames()
    descriptors: Descriptors = Descriptors()
    ages: Ages | None = None
    birth_date: Literal["empty", "year"] = "empty"
    offset: Offset | None = None

    @field_validator("options", mode="after")
    @classmethod
    def _one_kind_of_dates(cls, options: tuple[Option, ...]) -> tuple[Option, ...]:
        if {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES} <= set(options):
            raise ValueError("retain_full_dates and retain_modified_dates exclude each other")
        return options


class Package(Part):
    """What a package is.

    Attributes:
        per: one zip for each subject, or for each of its studies.
        compression: of members that are not compressed pixel data.
        dicomdir: with a DICOMDIR, and members named as media want it.
        validity: whether a package must be checked for the rules of the standard, or is where that is possible.
    """

    per: Literal["subject", "study"] = "subject"
    compression: Literal["fast", "store"] = "store"
    dicomdir: bool = False
    validity: Literal["required", "if_possible"] = "if_possible"


_OBJECTS = ("c-store", "stow-rs")


class Destination(Part):
    """Where packages go: ``folder`` below ``delivered`` in home or at an absolute path, other kinds by a connection.

    ``encrypt`` names public keys of age: the package leaves as a file that only their owners can open. With ``changes``
    a list of what is not as it was delivered before goes along.
    """

    to: Literal["folder", "sftp", "ftps", "s3", "fsspec", "https", "c-store", "stow-rs"]
    connection: Text | None = None
    path: str = ""
    encrypt: tuple[Text, ...] = ()
    changes: bool = False

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.to != "folder" and not self.connection:
            raise ValueError(f"{self.to} needs the name of a connection")
        if self.encrypt and self.to in _OBJECTS:
            raise ValueError(f"{self.to} sends objects, which cannot be encrypted to a key; use TLS of the connection")
        if self.changes and self.to in _OBJECTS:
            raise ValueError(f"{self.to} sends objects and no files, so that no list of changes can go along")
        if ".." in self.path.split("/"):
            raise ValueError("path must not contain '..'")
        return self


class Retention(Part):
    """After how many days a trial's files may be cleaned up, counted from the day each was written here."""

    staged_days: Annotated[int, Field(ge=1)] | None = None
    packages_days: Annotated[int, Field(ge=1)] | None = None


class TrialDefinition(Part):
    """One trial, the scope of its pseudonyms.

    ``versions``: what is done when another content comes under the SOP Instance UID of an object that is here: its
    subject waits for a person, the newest is used, or the first one stays.
    ``review``: of which contents a person is asked before they leave: of every one, of those that hold objects that
    nobody has approved yet, of none. ``four_eyes``: who started the run that made a package does not approve it.
    ``late_after``: minutes after which a scheduled run that has not ended is late, and ``notify`` says so.
    """

    trial: Annotated[str, Field(pattern=r"^[A-Z0-9_-]{1,32}$")]
    title: str = ""
    sponsor: Text
    protocol: Text
    site: Site = Site()
    keys: Keys
    subject_key: Text
    source: Source
    profile: Profile = Profile()
    filter: Filter = Filter()
    lookups: dict[str, Lookup] = {}  # noqa: RUF012  # pydantic copies it
    package: Package = Package()
    versions: Literal["hold", "newest", "first"] = "hold"
    review: Literal["always", "changes", "never"] = "always"
    four_eyes: bool = False
    deliver: tuple[Destination, ...] = ()
    retention: Retention = Retention()
    schedule: str | None = None
    start: date | None = None
    owner: str = "pacs2trial"
    tags: tuple[str, ...] = ()
    paused: bool = False
    late_after: Annotated[int, Field(ge=1)] = 360
    notify: tuple[Notice, ...] = ()
    _origin: Origin = PrivateAttr(default_factory=Origin)

    def __hash__(self) -> int:
        return hash(self.trial)

    def place(self, location: Location) -> str:
        """How a message names a field: with file and line where the definition was read from a file."""
        return self._origin.place(location)

    def read_from(self, origin: Origin) -> Self:
        """This definition, told where it stands."""
        self._origin = origin
        return self

    @field_validator("trial")
    @classmethod
    def _not_staging(cls, value: str) -> str:
        if value.upper() == STAGING:
            raise ValueError("STAGING is the name of stage 1; choose another")
        return value

    @field_validator("subject_key")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    @field_validator("schedule")
    @classmethod
    def _cron(cls, value: str | None) -> str | None:
        if value is not None and not CRON.fullmatch(value.strip()):
            raise ValueError(f"{value!r} is no schedule; write cron fields such as '0 2 * * *', or @daily")
        return value

    @model_validator(mode="after")
    def _lookups_fit(self) -> Self:
        problems: list[tuple[Location, str]] = [
            (("lookups", name), "a look-up is named with small letters, digits and _, such as arm")
            for name in self.lookups
            if not NAME.fullmatch(name)
        ]
        for number, rule in enumerate(self.profile.rules):
            asked = rule.template.lookups if rule.template else ()
            problems += [
                (("profile", "rules", number, "set"), unknown("look-up", name, self.lookups, "define it under lookups"))
                for name in asked
                if name not in self.lookups
            ]
        if problems:
            raise faults(*problems)
        return self

    def is_subject_key(self, text: str) -> bool:
        """Whether ``text`` as a whole has the form of this trial's subject keys and may stand in a file name."""
        return bool(SAFE_SUBJECT_KEY.fullmatch(text) and re.fullmatch(self.subject_key, text))
