"""A key table on its way in: received in memory, kept for its owner's eyes beside the other key tables until decided.

Key tables name patients, so an upload is never spooled to a temporary folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from pacs2trial.errors import InputError
from pacs2trial.settings import Settings

LARGEST: Final = 16 << 20
"""Bytes of an uploaded key table."""


async def uploaded(request: Request, field: str) -> bytes:
    """The file of a form's ``field``.

    Raises:
        InputError: there is none, or it is larger than :data:`LARGEST`.
    """
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > LARGEST:
        raise InputError(f"a key table has at most {LARGEST >> 20} MB")
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=8)
    parser.spool_max_size = LARGEST
    try:
        form = await parser.parse()
    except MultiPartException:
        raise InputError("the form holds no file") from None
    file = form.get(field)
    if not isinstance(file, UploadFile):
        raise InputError("choose a file first")
    content = await file.read()
    if not content:
        raise InputError("the file is empty")
    return content


def pending(settings: Settings, trial: str) -> Path:
    """Where the upload of a trial waits for a decision."""
    return settings.keys / f".{trial}.uploaded"


def keep(settings: Settings, trial: str, content: bytes) -> None:
    """Put an upload in its place, in place of an earlier one."""
    path = pending(settings, trial)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
