"""YAML lists of the site that are for all trials."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from pacs2trial.errors import InputError

Entry = TypeVar("Entry")


def listed(path: Path | None, entry: type[Entry], named_by: str) -> tuple[Entry, ...]:
    """The entries of a file, a YAML list; none without a file.

    Args:
        path: of the file.
        entry: what each of them is.
        named_by: the environment variable that names the file.

    Raises:
        InputError: the file is absent, is no YAML, or something in it is no such entry.
    """
    if path is None:
        return ()
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; {named_by} names it") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as YAML ({type(error).__name__})") from None
    try:
        return tuple(TypeAdapter(list[entry]).validate_python(content or []))  # type: ignore[valid-type]  # known when it runs
    except ValidationError as error:
        raise InputError(
            *(f"{path.name}, {'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors())
        ) from None
