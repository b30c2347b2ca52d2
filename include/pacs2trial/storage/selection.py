"""Which place a site keeps its packages in, as its settings say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pacs2trial.connections import Connections, connection_with
from pacs2trial.settings import Settings, variable
from pacs2trial.storage.packages import FolderPackages, Packages


def packages_of(settings: Settings, connections: Connections) -> Packages:
    """The folder ``packages`` in home, or the bucket of ``PACS2TRIAL_PACKAGES_URL``; nothing is reached for yet.

    The connection is looked up when the bucket is used for the first time; it raises InputError if it has faults.
    """
    if not settings.packages_url:
        return FolderPackages(settings.packages)
    from pacs2trial.storage.bucket import BucketPackages  # with clients that a site without a bucket need not load
    from pacs2trial.storage.s3 import TYPES, S3Access, s3_options

    def options() -> Mapping[str, Any]:
        if not settings.packages_connection:
            return s3_options(None, S3Access())
        purpose = variable("packages_connection")
        return s3_options(*connection_with(connections, settings.packages_connection, purpose, TYPES, S3Access))

    return BucketPackages(settings.packages_url, settings.packages, options)
