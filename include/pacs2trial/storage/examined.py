"""What ``check`` finds out about the place of packages: that a file can be put there, read, listed and removed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from pacs2trial.connections import Connections
from pacs2trial.errors import Pacs2TrialError, PermanentError
from pacs2trial.finding import Finding, wrong
from pacs2trial.settings import Settings, variable
from pacs2trial.storage.packages import FolderPackages, Packages
from pacs2trial.storage.selection import packages_of

_SUBJECT = "packages"


def package_findings(settings: Settings, connections: Connections) -> Iterator[Finding]:
    """Try the bucket with a small file of no meaning; a folder is looked at with the others of home."""
    if not settings.packages_url:
        if settings.packages_connection:
            named, url = variable("packages_connection"), variable("packages_url")
            yield wrong(_SUBJECT, f"{named} names a connection, and no bucket is named", f"set {url}")
        return
    packages = packages_of(settings, connections)
    try:
        _try(packages)
    except (Pacs2TrialError, OSError) as error:
        yield wrong(_SUBJECT, error)
    else:
        yield Finding(_SUBJECT, good=True, text=f"{settings.packages_url} takes, gives, lists and removes files")
        yield from _left_behind(settings, packages)


def _try(packages: Packages) -> None:
    folder = f"check-{secrets.token_hex(8)}"
    name = f"{folder}/file"
    if packages.there(name) is not None:
        raise PermanentError(f"{packages.address(name)} should not be there")
    draft = packages.draft(name)
    try:
        draft.write_bytes(name.encode())
        packages.keep(name)
        with packages.reading(name) as file:
            content = file.read_bytes()
        listed = packages.below(folder)
        packages.remove(name)
    finally:
        draft.parent.rmdir()
    if content != name.encode() or listed != [name] or packages.there(name) is not None:
        raise PermanentError(f"{packages.address(name)} was put there, and is not found, read or removed as it should")


def _left_behind(settings: Settings, packages: Packages) -> Iterator[Finding]:
    """Packages of the time before the bucket, which nobody looks for in the folder any more."""
    before = [one for one in FolderPackages(settings.packages).below("") if one.endswith(".zip") and "/." not in one]
    absent = packages.absent(before)
    if absent:
        yield Finding(
            _SUBJECT,
            good=True,
            warning=True,
            text=f"{len(absent)} packages in {settings.packages} are not in the bucket",
            remedy="copy them there under the same names, or run pacs2trial restore; then remove them",
        )
