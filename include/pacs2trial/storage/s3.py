"""S3 and the servers that speak like it: what a connection says of one, and its refusals in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import FlexibleChecksumError, NoCredentialsError, PartialCredentialsError
from pydantic import BaseModel, ConfigDict, Field

from pacs2trial.connections import Connection
from pacs2trial.errors import Pacs2TrialError, PermanentError, TransientError

TYPES: Final = frozenset({"aws", "s3"})
"""Types of a connection to such a server."""

_RETRIES: Final = {"mode": "standard", "max_attempts": 2}
"""Of one request; the whole is repeated besides."""

_PLAIN: Final = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
"""Without the checksums that clients send to Amazon since 2025, which others may refuse; all is read back anyway."""


class S3Access(BaseModel):
    """The extra of a connection of type aws or s3; names as Airflow's Amazon provider has them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout: float = Field(60, gt=0, description="seconds without any answer, until the server counts as lost")
    endpoint_url: str | None = Field(None, description="address of a server that is not Amazon's")
    region_name: str | None = None
    aws_session_token: str | None = Field(None, repr=False)
    verify: Path | None = Field(None, description="certificates that are trusted, PEM")


def s3_options(connection: Connection | None, access: S3Access) -> dict[str, Any]:
    """What fsspec is told of a server; what no connection says is found in the standard environment of AWS clients."""
    config = {"connect_timeout": access.timeout, "read_timeout": access.timeout, "retries": _RETRIES}
    client = {"region_name": access.region_name, "verify": str(access.verify) if access.verify else None}
    return {
        "key": (connection.login if connection else "") or None,
        "secret": (connection.password if connection else "") or None,
        "token": access.aws_session_token,
        "endpoint_url": access.endpoint_url,
        "client_kwargs": {name: value for name, value in client.items() if value},
        "config_kwargs": config | (_PLAIN if access.endpoint_url else {}),
    }


class SpoiledError(TransientError):
    """What came is not what the checksum says that the server sent along."""


@contextmanager
def spoken(where: str, *, no_right: str, no_bucket: str) -> Iterator[None]:
    """Say everything that may go wrong in plain words, none of which the server chose.

    Args:
        where: what the server is called.
        no_right: what to do when it refuses.
        no_bucket: what to do when the bucket is not there.
    """
    try:
        yield
    except Pacs2TrialError:
        raise
    except PermissionError:
        raise PermanentError(f"{where} does not let us do that; {no_right}") from None
    except FileNotFoundError:
        raise PermanentError(f"{where} does not have that bucket or container; {no_bucket}") from None
    except (NoCredentialsError, PartialCredentialsError):
        raise PermanentError(f"{where} asks who we are, and nothing tells; {no_right}") from None
    except FlexibleChecksumError:
        raise SpoiledError(f"{where} sent something else than its own checksum says") from None
    except Exception as error:  # noqa: BLE001 - each file system raises what it likes
        raise TransientError(f"{where} broke off: {type(error).__name__}") from None
