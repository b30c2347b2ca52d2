"""Objects as nobody should send them, with everything about their patient where it does not belong.

What they are made from is written down beside them, so that the UIDs are known that must not be found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from pydicom.dataset import FileDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs2trial_demo.generate import part10, study, write
from pacs2trial_demo.identities import THRUMMINGTON, Identity
from support.objects import raw_element, with_raw
from support.raw_sender import RELEASE, Store, request, wire
from support.receivers import encoded

STRANGER = replace(THRUMMINGTON, number=77, patient_id="STRANGER-77")
"""Somebody whom no trial knows."""
WHEN = date(2024, 6, 3)
_CUT = 100
"""Bytes that a cut object lacks: less than its pixel data."""


def misplaced(ds: FileDataset, who: Identity) -> bytes:
    """A Part 10 file in which dates, times and numbers are names, and elements stand that no standard knows."""
    whole, data = part10(ds), encoded(ds)[0]
    name, number = who.person_name.encode(), who.patient_id.encode()
    strange: Mapping[int, tuple[str, bytes]] = {
        0x00080023: ("DA", who.family.encode()),  # Content Date
        0x00080033: ("TM", number),  # Content Time
        0x00081150: ("UI", number),  # Referenced SOP Class UID
        0x00090013: ("LO", name),  # private, without a creator
        0x00101020: ("DS", name),  # Patient's Size
        0x00180050: ("DS", who.given.encode()),  # Slice Thickness
        0x00181151: ("IS", number),  # X-Ray Tube Current
        0x00189999: ("UN", name),  # no such element
    }
    planted = {tag: raw_element(tag, vr, value + b" " * (len(value) % 2)) for tag, (vr, value) in strange.items()}
    return whole[: -len(data)] + with_raw(data, planted)


def cut(whole: bytes) -> bytes:
    """A file that lacks its end."""
    return whole[:-_CUT]


def damage(folder: Path, who: Identity, originals: Path) -> None:
    """A study of ``who`` in a folder of the PACS: a slice with misplaced values, one that is cut, many whole ones."""
    slices = study(who, when=WHEN, parts={"CT"}, slices=60, matrix=32)
    for ds in slices:
        write(ds, originals / str(who.number))
        write(ds, folder)
    first, second = sorted(folder.rglob("*.dcm"))[:2]
    first.write_bytes(misplaced(slices[0], who))
    second.write_bytes(cut(second.read_bytes()))


def medium(folder: Path, originals: Path) -> None:
    """Files of a stranger, called by their names: two cut ones, a wrong transfer syntax, no DICOM, no archive."""
    named = folder / f"{STRANGER.family}_{STRANGER.given}" / STRANGER.patient_id
    named.mkdir(parents=True)
    slices = study(STRANGER, when=WHEN, parts={"CT"}, slices=3, matrix=32)
    for ds in slices:
        write(ds, originals / str(STRANGER.number))
    first, second, third = map(part10, slices)
    files = {
        "cut.dcm": cut(first),
        "header.dcm": second[:700],
        "endian.dcm": third.replace(ExplicitVRLittleEndian.encode(), ExplicitVRBigEndian.encode(), 1),
        "report.txt": STRANGER.person_name.encode(),
        "study.zip": b"PK\x03\x04" + STRANGER.person_name.encode(),
    }
    for name, content in files.items():
        (named / f"{STRANGER.family} {name}").write_bytes(content)


def send_damaged(port: int, originals: Path) -> list[int | None]:
    """Push a stranger's objects: misplaced values, a cut one, a wrong transfer syntax, one that breaks off.

    Returns:
        the statuses of the first three.
    """
    slices = study(STRANGER, when=WHEN, parts={"CT"}, slices=8, matrix=32)[3:7]
    for ds in slices:
        write(ds, originals / str(STRANGER.number))
    stores = [Store.of(ds) for ds in slices]
    head = len(part10(slices[0])) - len(stores[0].dataset)
    stores[0] = replace(stores[0], dataset=misplaced(slices[0], STRANGER)[head:])
    stores[1] = replace(stores[1], dataset=stores[1].dataset[:700])
    statuses = [_sent(port, store, slices[0]) for store in stores[:2]]
    otherwise = slices[2].__deepcopy__({})
    otherwise.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    with wire(port, request([otherwise])) as made:
        made.send(stores[2].encode())
        statuses.append(made.status())
    with wire(port, request(slices)) as made:
        made.send(stores[3].encode()[:-_CUT])
        made.close(at_once=True)
    return statuses


def _sent(port: int, store: Store, like: FileDataset) -> int | None:
    with wire(port, request([like])) as made:
        made.send(store.encode())
        status = made.status()
        made.send(RELEASE)
        return status
