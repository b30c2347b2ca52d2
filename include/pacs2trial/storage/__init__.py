"""Where packages are kept: a folder, or a bucket of object storage."""

from pacs2trial.storage.packages import FolderPackages, Packages, There, receipt_name
from pacs2trial.storage.selection import packages_of

__all__ = ["FolderPackages", "Packages", "There", "packages_of", "receipt_name"]
