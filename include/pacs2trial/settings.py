"""The only reader of the environment."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from pacs2trial.errors import SetupError

PREFIX = "PACS2TRIAL_"
_BUCKET: Final = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9][A-Za-z0-9._=-]*)*/?")


class Role(StrEnum):
    """What a user of Airflow may do here besides what Airflow lets him do."""

    REVIEWER = "reviewer"  # looks at staged data and decides what leaves
    CUSTODIAN = "custodian"  # may see identities as well


class Settings(BaseSettings):
    """Where things are and how this site works. Every field is ``PACS2TRIAL_<NAME>`` in the environment.

    Paths may be relative: they are taken from the working directory and are absolute after loading.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    home: Path = Field(Path("var"), description="Folder of everything that pacs2trial keeps (vault, staging, packages)")
    database_url: str = Field("", description="SQLAlchemy URL of the vault; default a SQLite file in home")
    secret_file: Path | None = Field(None, description="The secret file, mode 0600; default secret.json in home")
    secret_connection: str = Field(
        "", description="Connection whose password is the secret's JSON, from a secrets backend; then no secret file"
    )
    packages_url: str = Field(
        "", description="Bucket of object storage that keeps the packages, s3://bucket/prefix; default packages in home"
    )
    packages_connection: str = Field(
        "", description="Connection (type aws) to that bucket; default what the standard environment of AWS says"
    )
    trials: Path = Field(Path("include/trials"), description="Folder of trial definitions (*.yaml)")
    connections_file: Path | None = Field(None, description="Connections outside Airflow, 0600; default in home")
    receiver_host: str = Field("127.0.0.1", description="Address the receiver listens on")
    receiver_port: int = Field(11112, ge=0, le=65535, description="Port the receiver listens on; 0 picks a free one")
    receiver_aet: str = Field("PACS2TRIAL", min_length=1, max_length=16, description="AE title of the receiver")
    receiver_workers: int = Field(0, ge=0, description="Processes of the receiver; 0 for one a processor core")
    receiver_allow: str = Field(
        "", description="Callers let in: AET, AET@address, AET@network or *@network, commas between; empty lets all in"
    )
    receiver_tls_certificate: Path | None = Field(None, description="Receiver speaks TLS and shows this one, PEM")
    receiver_tls_key: Path | None = Field(None, description="Key of the receiver's certificate, PEM, not for others")
    receiver_tls_ca: Path | None = Field(
        None, description="Callers of the receiver must show a certificate that one of these issued (mutual TLS)"
    )
    receiver_associations: int = Field(64, ge=1, description="Associations at the same time; more are rejected")
    receiver_pdu_bytes: int = Field(
        131072, ge=4096, le=2**27, description="Longest PDU that the receiver offers to take, bytes"
    )
    receiver_object_mb: int = Field(4096, ge=1, description="Larger objects are refused (0xC000), MB")
    receiver_idle_seconds: float = Field(600, gt=0, description="An association silent for so long is aborted")
    metrics_host: str = Field("127.0.0.1", description="Address of the receiver's metrics for Prometheus")
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Port of the receiver's metrics; none when empty, 0 picks a free one"
    )
    issuer: str = Field("", description="Issuer of patient IDs where neither object nor key table names one")
    time_zone: str = Field("UTC", description="IANA time zone of the site: a study date is a day in this zone")
    safe_private: Path | None = Field(
        None, description="This site's own list of private attributes that may stay; default safe_private.csv in home"
    )
    query_retrieve: Path | None = Field(
        None, description="YAML file of who may query and retrieve what over DICOM; without it nobody may"
    )
    roles: str = Field(
        "", description="Who reviews and who may see identities: anna=reviewer,bert=custodian; nobody by default"
    )
    review_days: float = Field(7, gt=0, description="Days after which contents that nobody has reviewed are held")
    batch_subjects: int = Field(10, ge=1, description="Subjects that one retrieve task handles")
    stage_processes: int = Field(
        0, ge=0, le=64, description="Processes in which pacs2trial stage works; 0 is one for each processor"
    )
    incoming_quiet_seconds: int = Field(
        120, ge=1, description="A study that came unasked is complete when nothing of it has come for so long"
    )
    incoming_minutes: int = Field(5, ge=1, le=59, description="How often the DAG incoming looks for such studies")
    incoming_expire_days: int | None = Field(
        None, ge=1, description="Days after which studies of people who are in no trial go; unset: never"
    )
    incoming_expire_unshown: bool = Field(
        default=False, description="They go also when no PACS shows them, so that nobody may have them any more"
    )
    doubtful_text: Literal["wipe", "hold"] = Field(
        "wipe",
        description="Text in pixels that may or may not name somebody: wipe it, or hold the image",
    )
    face_programs: Path | None = Field(
        None, description="YAML file of this site's programs that remove faces; without it no trial can ask for it"
    )
    notify: Path | None = Field(
        None, description="YAML file of who is told how runs of any trial end, by notifiers of Airflow"
    )
    minimum_free_mb: int = Field(512, ge=0, description="Receiver refuses (0xA700) below this free space in home, MB")
    durable: bool = Field(
        default=True, description="Flush file, folder and commit before Success; off only for benchmarks"
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is no IANA time zone such as Europe/London") from error
        return value

    @field_validator("packages_url")
    @classmethod
    def _bucket(cls, value: str) -> str:
        if value and not _BUCKET.fullmatch(value):
            raise ValueError("must be the address of a bucket or a prefix in it, such as s3://bucket/packages")
        return value.rstrip("/")

    @field_validator("roles")
    @classmethod
    def _known_roles(cls, value: str) -> str:
        for user, role in _pairs(value):
            if not user or role not in set(Role):
                raise ValueError(f"must be a list such as anna=reviewer,bert=custodian; roles are {', '.join(Role)}")
        return value

    def roles_of(self, user: str) -> frozenset[Role]:
        """The roles of a user of Airflow, by name."""
        return frozenset(Role(role) for name, role in _pairs(self.roles) if name == user)

    def model_post_init(self, _context: object) -> None:
        home = self.home.absolute()
        for field, value in (
            ("home", home),
            ("trials", self.trials.absolute()),
            ("secret_file", (self.secret_file or home / "secret.json").absolute()),
            ("connections_file", (self.connections_file or home / "connections.json").absolute()),
            *((name, path and path.absolute()) for name, path in self._tls_files()),
            ("safe_private", self.safe_private and self.safe_private.absolute()),
            ("face_programs", self.face_programs and self.face_programs.absolute()),
            ("notify", self.notify and self.notify.absolute()),
            ("query_retrieve", self.query_retrieve and self.query_retrieve.absolute()),
            ("database_url", self.database_url or f"sqlite:///{home / 'vault.db'}"),
        ):
            object.__setattr__(self, field, value)

    def _tls_files(self) -> list[tuple[str, Path | None]]:
        names = ("receiver_tls_certificate", "receiver_tls_key", "receiver_tls_ca")
        return [(name, getattr(self, name)) for name in names]

    @property
    def secret_path(self) -> Path:
        assert self.secret_file is not None
        return self.secret_file

    @property
    def connections_path(self) -> Path:
        assert self.connections_file is not None
        return self.connections_file

    @property
    def staging(self) -> Path:
        return self.home / "staging"

    @property
    def quarantine(self) -> Path:
        return self.home / "quarantine"

    @property
    def receivers(self) -> Path:
        return self.home / "receivers"

    @property
    def packages(self) -> Path:
        """Where packages are made, and kept unless a bucket keeps them."""
        return self.home / "packages"

    @property
    def keys(self) -> Path:
        return self.home / "keys"


def _pairs(roles: str) -> list[tuple[str, str]]:
    found = []
    for pair in filter(None, (part.strip() for part in roles.split(","))):
        user, _, role = pair.partition("=")
        found.append((user.strip(), role.strip()))
    return found


def load() -> Settings:
    """Read the environment.

    Raises:
        SetupError: a value cannot be used, or a variable begins with ``PACS2TRIAL_`` and is no setting.
    """
    known = [variable(name) for name in Settings.model_fields]
    problems = [
        f"{name} is no setting; {_suggestion(name, known)}"
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name not in known
    ]
    try:
        settings = Settings()
    except ValidationError as error:
        problems += [f"{variable(str(detail['loc'][0]))}: {_fault(detail)}" for detail in error.errors()]
    if problems:
        raise SetupError("\n".join(problems))
    return settings


def variable(field: str) -> str:
    """The environment variable of a setting: ``PACS2TRIAL_HOME`` for ``home``."""
    return PREFIX + field.upper()


def _suggestion(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.8)
    return f"did you mean {close[0]}?" if close else f"settings are {', '.join(sorted(known))}"


def _fault(detail: ErrorDetails) -> str:
    return str(detail["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")


AIRFLOW_PLACES: Final = ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
"""Variables that say where Airflow's home or database is, as ``airflow.env`` does."""


def has_airflow_environment() -> bool:
    """Whether this process was told where Airflow's home or database is."""
    return any(name in os.environ for name in AIRFLOW_PLACES)


def environment_for_programs() -> dict[str, str]:
    """The environment without what is pacs2trial's, Airflow's or a cloud's: programs of others get no secrets."""
    return {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "AIRFLOW", "AWS_"))}


def environment_connection(name: str) -> str | None:
    """The text of ``AIRFLOW_CONN_<NAME>``: Airflow's own way to keep a connection in the environment."""
    return os.environ.get(f"AIRFLOW_CONN_{name.upper()}")
