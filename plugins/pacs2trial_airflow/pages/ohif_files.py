"""The files of OHIF, which are fetched and not shipped: ``python -m pacs2trial_airflow.pages.ohif_files``.

The npm package of the viewer carries it built. It is fetched with the npm client of the machine, compared with the
digest below, and only what is served is unpacked, into ``viewer`` of home.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import Final

from pacs2trial import settings as environment
from pacs2trial.errors import Pacs2TrialError, SetupError
from pacs2trial.settings import Settings

VERSION: Final = "3.13.2"
PACKAGE: Final = f"@ohif/app@{VERSION}"
INTEGRITY: Final = "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
"""SHA-512 of the package, as npm writes it."""

_BUILT: Final = ("package", "dist")
_NOT_SERVED: Final = ("ort", "google.js")
"""Parts of the build that need other servers or models that are not here."""
_PATIENCE_S: Final = 600


def folder(settings: Settings) -> Path:
    """Where the files of this version lie once they are fetched."""
    return settings.home / "viewer" / f"ohif-{VERSION}"


def fetch(settings: Settings) -> Path:
    """Fetch and unpack the viewer, unless it is there.

    Returns:
        The folder of its files.

    Raises:
        SetupError: npm is not installed or could not fetch it, or what came is not the package that is meant.
    """
    target = folder(settings)
    if target.is_dir():
        return target
    npm = shutil.which("npm")
    if npm is None:
        raise SetupError("npm is not installed: install it (Debian: apt install npm), or do without the viewer")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetching-") as where:
        command = [npm, "pack", PACKAGE, "--pack-destination", where, "--silent"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=_PATIENCE_S)  # noqa: S603 - our words
        found = list(Path(where).glob("*.tgz"))
        if done.returncode or len(found) != 1:
            raise SetupError(f"npm could not fetch {PACKAGE}; run `npm pack {PACKAGE}` to see why")
        require_intact(found[0])
        unpacked = Path(where) / "files"
        unpack(found[0], unpacked)
        unpacked.replace(target)
    return target


def require_intact(package: Path) -> None:
    """Return if a file is the package that is meant.

    Raises:
        SetupError: it is not.
    """
    with package.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != INTEGRITY:
        raise SetupError(f"{PACKAGE} is not what it was: its SHA-512 differs; nothing was installed")


def unpack(package: Path, target: Path) -> None:
    """Unpack what is served: the built files without source maps. Names that lead elsewhere are left out."""
    with tarfile.open(package, "r:gz") as archive:
        for member in archive:
            parts = PurePosixPath(member.name).parts
            inside = parts[len(_BUILT) :]
            if not member.isfile() or parts[: len(_BUILT)] != _BUILT or ".." in parts:
                continue
            if inside[0] in _NOT_SERVED or member.name.endswith(".map"):
                continue
            source = archive.extractfile(member)
            assert source is not None
            path = target.joinpath(*inside)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(source, file)


def main() -> int:
    """Fetch the viewer for the site of the environment."""
    try:
        where = fetch(environment.load())
    except Pacs2TrialError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"OHIF {VERSION} is in {where}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
