"""Whatever bytes come: the association that they are of ends as the standard says, and nothing else notices."""

from __future__ import annotations

import os
import random
import struct
import threading
import time
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset

from pacs2trial.receiver import Receiver
from pacs2trial.workspace import Workspace
from support.findings import require_ledger_and_store_agree, staged_objects
from support.raw_sender import RELEASE, Store, Wire, request, wire
from support.receivers import association, send, send_one

A_ABORT = 7
MEGABYTE = 2**20
NONE = b"\x01\x01"
"""Value of Command Data Set Type (0000,0800) without a data set (PS3.7 E.1)."""


def pdu(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxL", kind, len(content)) + content


def pdv(context_id: int, control: int, content: bytes) -> bytes:
    return pdu(4, struct.pack(">LBB", len(content) + 2, context_id, control) + content)


def command(**changes: bytes | None) -> bytes:
    """A C-STORE request's command set, with elements by hexadecimal number replaced or, by None, left out."""
    elements = {
        "0002": b"1.2.840.10008.5.1.4.1.1.2\0",
        "0100": b"\x01\0",
        "0110": b"\x01\0",
        "0800": b"\x01\0",
        "1000": b"1.2.3\0",
    } | {name.removeprefix("e"): value for name, value in changes.items()}
    return b"".join(
        struct.pack("<HHL", 0, int(name, 16), len(value)) + value
        for name, value in sorted(elements.items())
        if value is not None
    )


IN_AN_ASSOCIATION = {
    "a PDU that does not exist": (pdu(0x42, b"?"), (2, 1)),
    "a second request": (pdu(1, bytes(68)), (2, 2)),
    "an acceptance": (pdu(2, bytes(68)), (2, 2)),
    "a release that nobody asked for": (pdu(6, bytes(4)), (2, 2)),
    "a PDV longer than its PDU": (pdu(4, struct.pack(">LBB", 99, 1, 3) + b"short"), (2, 6)),
    "a PDV shorter than its head": (pdu(4, struct.pack(">LBB", 1, 1, 3)), (2, 6)),
    "a PDU too short for a PDV": (pdu(4, b"\0\0\0"), (2, 6)),
    "a context that was not accepted": (pdv(99, 3, command()), (2, 6)),
    "a data set without a command": (pdv(1, 2, b"data"), (2, 6)),
    "a command set that is none": (pdv(1, 3, b"\xff" * 20), (2, 6)),
    "a command set cut short": (pdv(1, 3, command()[:-3]), (2, 6)),
    "a command without its kind": (pdv(1, 3, command(e0100=None)), (2, 6)),
    "a command without a message ID": (pdv(1, 3, command(e0110=None)) + pdv(1, 2, b"data"), (2, 6)),
    "a command set without end": (pdv(1, 1, command() * 200) * 20, (2, 6)),
    "another command within a message": (pdv(1, 3, command()) + pdv(1, 3, command()), (2, 6)),
    "a release within a message": (pdv(1, 3, command()) + RELEASE, (2, 6)),
    "a data set on another context": (pdv(1, 3, command()) + pdv(3, 2, b"data"), (2, 6)),
    "an answer to what was not asked": (
        pdv(1, 3, command(e0100=b"\x01\x80", e0120=b"\x01\0", e0800=b"\x01\x01")),
        (0, 0),
    ),
}


@pytest.mark.parametrize("name", IN_AN_ASSOCIATION)
def test_an_association_is_aborted_with_the_reason_of_the_standard(
    receiver: int, planning_ct: list[FileDataset], name: str
):
    """PS3.8 9.3.8, table 9-26."""
    content, (source, reason) = IN_AN_ASSOCIATION[name]
    with wire(receiver, request(planning_ct[:1])) as made:
        made.send(content)
        assert made.pdu() == (A_ABORT, bytes([0, 0, source, reason]))
        assert made.pdu() == (0, b"")


@pytest.mark.parametrize(
    "opening", [pdu(4, bytes(20)), pdu(5, bytes(4)), b"GET / HTTP/1.1\r\n\r\n", pdu(1, b"too short"), b"\x01" * 4096]
)
def test_what_does_not_begin_with_a_request_is_aborted(receiver: int, opening: bytes):
    made = Wire(receiver)
    made.send(opening)
    assert made.pdu()[0] == A_ABORT
    made.close()


def test_an_operation_that_is_not_offered_is_answered(receiver: int, planning_ct: list[FileDataset]):
    with wire(receiver, request(planning_ct[:1])) as made:
        made.send(pdv(1, 3, command(e0100=b"\x20\0", e0800=b"\x01\x01")))
        assert made.status() == 0x0211
        made.send(Store.of(planning_ct[0]).encode())
        assert made.status() == 0


def test_messages_in_any_fragments_are_the_same(workspace: Workspace, receiver: int, planning_ct: list[FileDataset]):
    """Fragments of 1 byte, several PDVs in a PDU, empty fragments, a command in pieces."""
    store = Store.of(planning_ct[0])
    head = store.command()
    pieces = [pdv(1, 1, head[:7]), pdv(1, 1, b""), pdv(1, 3, head[7:])]
    parts = [store.dataset[:1], store.dataset[1:2], b"", store.dataset[2:5000], store.dataset[5000:]]
    several = b"".join(struct.pack(">LBB", len(part) + 2, 1, 0) + part for part in parts[:-1])
    with wire(receiver, request(planning_ct[:1])) as made:
        made.send(b"".join(pieces) + pdu(4, several) + pdv(1, 2, parts[-1]))
        assert made.status() == 0
    assert len(staged_objects(workspace.settings)) == 1
    assert send(receiver, planning_ct[:1]) == [0]
    assert len(staged_objects(workspace.settings)) == 1


def test_bent_bytes_disturb_nobody(workspace: Workspace, planning_ct: list[FileDataset], pytestconfig: pytest.Config):
    """What a sender says, bent at random by a seed that the failure names, while another association goes on."""
    running = Receiver(workspace)
    port = running.start()
    said = _said(planning_ct[:2])
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    _say(port, said, b"")
    before = (threading.active_count(), _descriptors(), _resident())
    limit = time.monotonic() + pytestconfig.getoption("--fuzz-seconds") / 3
    with association(port, planning_ct) as other:
        while time.monotonic() < limit:
            _say(port, *_bent(dice, said))
        for ds in planning_ct:
            assert send_one(other, ds) == 0, seed
    _wait_until(lambda: not running._running)
    assert (threading.active_count(), _descriptors()) <= (before[0] + 1, before[1] + 2), seed
    assert _resident() - before[2] < 100 * MEGABYTE, seed
    running.stop()
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def _said(datasets: list[FileDataset]) -> bytes:
    stores = b"".join(Store.of(ds, datasets).encode(fragment=3000) for ds in datasets)
    return request(datasets) + stores + RELEASE


def _bent(dice: random.Random, said: bytes) -> tuple[bytes, bytes]:
    """The bytes with a few faults, most of them where lengths and kinds stand; and some in another order."""
    content = bytearray(said)
    heads = [at for at in range(len(content) - 12) if content[at : at + 2] in (b"\x01\0", b"\x04\0", b"\x05\0")]
    for _ in range(dice.randint(1, 4)):
        near = dice.choice(heads) + dice.randrange(14) if dice.random() < 0.6 else dice.randrange(len(content))
        at = min(near, len(content) - 1)
        match dice.randrange(5):
            case 0:
                content[at] = dice.randrange(256)
            case 1:
                content[at : at + 4] = dice.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\0\1"))
            case 2:
                del content[at : at + dice.randint(1, 64)]
            case 3:
                content[at:at] = dice.randbytes(dice.randint(1, 64))
            case _:
                content[at:at] = content[dice.randrange(len(content)) :][: dice.randint(1, 3000)]
    whole = bytes(content)
    cut = dice.randrange(len(whole)) if dice.random() < 0.2 else len(whole)
    return whole[:cut], dice.choice((b"", whole[cut:]))


def _say(port: int, first: bytes, rest: bytes) -> None:
    """Send, say that no more comes, and read until the receiver closes, which must be soon."""
    made = Wire(port)
    made.socket.settimeout(20)
    try:
        made.send(first + rest)
        made.socket.shutdown(1)
        while made.socket.recv(65536):
            pass
    except (ConnectionError, OSError) as error:
        assert not isinstance(error, TimeoutError), "the receiver hangs"
    finally:
        made.close()


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _wait_until(condition) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
