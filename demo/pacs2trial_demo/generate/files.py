"""Generated objects as bytes and files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.dataset import FileDataset

_GROUP_LENGTH = 128 + 4 + 12
"""Where the value of File Meta Information Group Length ends: after preamble, prefix and its own 12 bytes."""


def part10(ds: FileDataset) -> bytes:
    """``ds`` as a DICOM file (PS3.10): preamble, file meta information, data set."""
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def dataset_bytes(ds: FileDataset) -> tuple[bytes, str]:
    """The data set alone as a C-STORE carries it, and its transfer syntax."""
    whole = part10(ds)
    group_length = int.from_bytes(whole[_GROUP_LENGTH - 4 : _GROUP_LENGTH], "little")
    return whole[_GROUP_LENGTH + group_length :], str(ds.file_meta.TransferSyntaxUID)


def write(ds: FileDataset, folder: Path) -> Path:
    """Write ``ds`` below ``folder`` as modality, series number and instance number say; the path says no name."""
    path = folder / f"{ds.Modality}{int(ds.SeriesNumber):03d}" / f"{int(ds.get('InstanceNumber') or 1):04d}.dcm"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(part10(ds))
    return path
