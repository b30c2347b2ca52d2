"""What other programs read in a file that the product wrote: dcmtk's dump and XML, apart from our own code."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from support.objects import PLANTED
from support.programs import need


def dump(data: bytes, folder: Path) -> str:
    """Everything that dcmdump shows of a file, long values whole.

    Raises:
        AssertionError: dcmdump complains about the file.
    """
    return _read("dcmdump", ["+L"], data, folder)


def xml(data: bytes, folder: Path) -> str:
    """The file as dcm2xml writes it, binary values included."""
    return _read("dcm2xml", ["+M", "+Wb", "+Eh"], data, folder)


def leaks(data: bytes, folder: Path, *, planted: Iterable[str] = PLANTED, but: Iterable[str] = ()) -> list[str]:
    """Planted values that stand in the bytes, or that dcmtk shows; in any case, also as UTF-16."""
    texts = [data.lower(), dump(data, folder).lower().encode()]
    found = set()
    for value in planted:
        plain = value.lower()
        forms = (
            plain.encode(),
            plain.encode("utf-16-le"),
            plain.encode("utf-16-be"),
            plain.encode("latin-1", "ignore"),
        )
        if any(form in text for form in forms for text in texts):
            found.add(value)
    return sorted(found - set(but))


def _read(program: str, options: list[str], data: bytes, folder: Path) -> str:
    path = folder / "read.dcm"
    path.write_bytes(data)
    done = subprocess.run([need(program), *options, path], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"E:" not in done.stderr, done.stderr
    assert b"W:" not in done.stderr, done.stderr
    return done.stdout.decode("utf-8", "replace")
