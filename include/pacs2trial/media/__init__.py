"""Files as people offer them: single ones, folders, archives, DICOM media (PS3.10). Nothing is unpacked on disk."""

from pacs2trial.media.limits import LIMITS, Limits
from pacs2trial.media.offer import offered
from pacs2trial.media.offered import Member, NoObject, Offered, PassedOver, Place, PlainFile, Unread
from pacs2trial.media.reading import ChangedError, read_file

__all__ = [
    "LIMITS",
    "ChangedError",
    "Limits",
    "Member",
    "NoObject",
    "Offered",
    "PassedOver",
    "Place",
    "PlainFile",
    "Unread",
    "offered",
    "read_file",
]
