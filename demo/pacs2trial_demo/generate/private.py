"""Private blocks as vendors write them, with a name where vendors are known to put one."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial_demo.identities import Identity


def siemens_ct(ds: Dataset, identity: Identity, private_uid: str) -> None:
    """Siemens CT and MEDCOM headers: numbers, a binary header, a private UID, a nested sequence with the name."""
    geometry = ds.private_block(0x0019, "SIEMENS CT VA0  COAD", create=True)
    geometry.add_new(0x61, "DS", "33.5")
    geometry.add_new(0x90, "DS", "0")
    geometry.add_new(0x91, "IS", "8")
    geometry.add_new(0x92, "FD", 1.25)
    geometry.add_new(0xB0, "DS", "1")
    medcom = ds.private_block(0x0029, "SIEMENS MEDCOM HEADER", create=True)
    medcom.add_new(0x08, "CS", "MEDCOM 1")
    medcom.add_new(0x09, "LO", "VB10A 20031001")
    medcom.add_new(0x10, "OB", bytes(range(256)) * 4)
    medcom.add_new(0x60, "LO", "com")
    medcom.add_new(0x70, "UI", private_uid)
    item = Dataset()
    inner = item.private_block(0x0029, "SIEMENS MEDCOM HEADER2", create=True)
    inner.add_new(0x60, "LO", f"{identity.family} {identity.patient_id}")
    medcom.add_new(0x40, "SQ", Sequence([item]))


def varian_rt(ds: Dataset, identity: Identity, plan_uid: str) -> None:
    """Varian's XML extension of RT objects and the integrity hash that any edit makes wrong."""
    xml = (
        '<?xml version="1.0" encoding="utf-8"?><ExtendedVAPlanInterface Version="1">'
        f'<Patient ID="{identity.patient_id}" Name="{identity.family}, {identity.given}"/>'
        f'<Plan UID="{plan_uid}"/></ExtendedVAPlanInterface>'
    ).encode()
    padded = xml + b" " * (len(xml) % 2)
    vision = ds.private_block(0x3253, "Varian Medical Systems VISION 3253", create=True)
    vision.add_new(0x00, "OB", padded)
    vision.add_new(0x01, "IS", str(len(xml)))
    vision.add_new(0x02, "LO", "ExtendedIF")
    integrity = ds.private_block(0x3287, "Varian Medical Systems VISION 3287", create=True)
    integrity.add_new(0x00, "LO", "20F1A6C05EE7BB3DB20BF0C6E5E43E3E5A30DA90")
