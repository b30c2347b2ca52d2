"""What stage 1 left behind: staged objects, the ledger's versions of them, and a search for planted identities."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pydicom
from blake3 import blake3
from pydicom.dataset import Dataset
from sqlalchemy import select

from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Instance, InstanceState, StagedVersion
from pacs2trial_demo.identities import Identity, planted_in


def staged_files(settings: Settings) -> list[Path]:
    return sorted(settings.staging.rglob("*.dcm"))


def staged_objects(settings: Settings) -> list[Dataset]:
    """Every staged file as pydicom reads it, pixels and all; a file cut short fails here."""
    found = []
    for path in staged_files(settings):
        ds = pydicom.dcmread(path)
        if "PixelData" in ds and not ds.file_meta.TransferSyntaxUID.is_encapsulated:
            pixels = ds.Rows * ds.Columns * ds.SamplesPerPixel * int(ds.get("NumberOfFrames", 1) or 1)
            assert len(ds.PixelData) >= pixels * ds.BitsAllocated // 8, path
        found.append(ds)
    return found


def states(vault: Vault) -> dict[str, InstanceState]:
    """The state of each instance by its staging SOP Instance UID."""
    with vault.session(read_only=True) as session:
        rows = session.execute(select(Instance.sop_instance, Instance.state)).all()
    return {sop_instance: InstanceState(state) for sop_instance, state in rows}


def require_ledger_and_store_agree(vault: Vault, settings: Settings) -> None:
    """Every version in the ledger lies in the store with its digest, and the store holds no other file."""
    with vault.session(read_only=True) as session:
        versions = session.execute(select(StagedVersion.path, StagedVersion.digest, StagedVersion.size)).all()
    on_disk = {str(path.relative_to(settings.staging)) for path in settings.staging.rglob("*") if path.is_file()}
    assert on_disk == {path for path, _, _ in versions}
    for path, digest, size in versions:
        content = (settings.staging / path).read_bytes()
        assert (blake3(content).hexdigest(), len(content)) == (digest, size)


def identities_outside_the_vault(
    settings: Settings, identities: Iterable[Identity], uids: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """Where, in file names or bytes below home, a planted value or one of ``uids`` stands; the vault is left out."""
    who, forbidden = list(identities), [uid.encode() for uid in uids]
    found = []
    for path in sorted(settings.home.rglob("*")):
        if path.name.startswith("vault.db"):
            continue
        content = str(path.relative_to(settings.home)).encode() + b"\n" + (path.read_bytes() if path.is_file() else b"")
        found += [(str(path), value) for value in planted_in(content, *who)]
        found += [(str(path), uid.decode()) for uid in forbidden if uid in content]
    return found
