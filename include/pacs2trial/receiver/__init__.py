"""The DICOM node of pacs2trial."""

from pacs2trial.receiver.scp import Receiver
from pacs2trial.receiver.service import serve

__all__ = ["Receiver", "serve"]
