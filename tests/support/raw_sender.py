"""A C-STORE sender that is no more than bytes on a socket, so that a test may stop, cut or spoil them anywhere."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pydicom.dataset import FileDataset
from pydicom.uid import UID
from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)

from support.receivers import AET, SENDER, encoded

RELEASE = struct.pack(">BxLL", 5, 4, 0)
_HEADER = struct.Struct(">BxL")
_PATIENCE_S = 30.0


def request(datasets: Sequence[FileDataset], *, calling: str = SENDER, called: str = AET) -> bytes:
    """The A-ASSOCIATE-RQ that proposes each object's SOP class with its transfer syntax; context IDs 1, 3, 5 …"""
    primitive = A_ASSOCIATE()
    primitive.application_context_name = UID("1.2.840.10008.3.1.1.1")
    primitive.calling_ae_title, primitive.called_ae_title = calling, called
    contexts = [build_context(*kind) for kind in kinds(datasets)]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    primitive.presentation_context_definition_list = contexts
    longest, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    longest.maximum_length_received = 16384
    implementation.implementation_class_uid = UID("1.2.826.0.1.3680043.8.498.9")
    primitive.user_information = [longest, implementation]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    return bytes(pdu.encode())


def kinds(datasets: Sequence[FileDataset]) -> list[tuple[str, str]]:
    """SOP class and transfer syntax of each kind of object, in the order of their contexts."""
    return sorted({(str(ds.SOPClassUID), str(ds.file_meta.TransferSyntaxUID)) for ds in datasets})


@dataclass(frozen=True)
class Store:
    """A C-STORE request as it goes over the wire."""

    sop_class: str
    sop_instance: str
    dataset: bytes
    context_id: int = 1
    message_id: int = 1

    @classmethod
    def of(cls, ds: FileDataset, among: Sequence[FileDataset] = ()) -> Store:
        """An object, on its context among those that :func:`request` proposed."""
        kind = (str(ds.SOPClassUID), str(ds.file_meta.TransferSyntaxUID))
        return cls(kind[0], str(ds.SOPInstanceUID), encoded(ds)[0], 2 * kinds(among or [ds]).index(kind) + 1)

    def encode(self, fragment: int = 16000) -> bytes:
        """Command and data set in P-DATA-TF PDUs, the data set in fragments of so many bytes."""
        pdus = [_pdv(self.context_id, 0x03, self.command())]
        for start in range(0, len(self.dataset), fragment):
            last = 0x02 if start + fragment >= len(self.dataset) else 0
            pdus.append(_pdv(self.context_id, last, self.dataset[start : start + fragment]))
        return b"".join(pdus)

    def command(self) -> bytes:
        """The command set (PS3.7 9.3.1.1)."""
        elements = [
            (0x0002, _uid(self.sop_class)),
            (0x0100, struct.pack("<H", 0x0001)),
            (0x0110, struct.pack("<H", self.message_id)),
            (0x0700, struct.pack("<H", 0)),
            (0x0800, struct.pack("<H", 0x0001)),
            (0x1000, _uid(self.sop_instance)),
        ]
        body = b"".join(struct.pack("<HHL", 0, element, len(value)) + value for element, value in elements)
        return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


class Wire:
    """A connection to the receiver."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _PATIENCE_S)

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def pdu(self) -> tuple[int, bytes]:
        """Type and content of the next PDU; type 0 when the receiver has closed the connection."""
        try:
            kind, length = _HEADER.unpack(self._read(_HEADER.size))
            return kind, self._read(length)
        except (ConnectionError, struct.error):
            return 0, b""

    def status(self) -> int | None:
        """The status of the next C-STORE response; None when something else comes."""
        kind, content = self.pdu()
        found = content.find(struct.pack("<HHL", 0, 0x0900, 2))
        return struct.unpack_from("<H", content, found + 8)[0] if kind == 4 and found >= 0 else None

    def close(self, *, at_once: bool = False) -> None:
        """``at_once`` as the system of a killed process does: what is under way is lost."""
        if at_once:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _read(self, length: int) -> bytes:
        content = b""
        while len(content) < length and (part := self.socket.recv(length - len(content))):
            content += part
        return content


@contextmanager
def wire(port: int, opening: bytes) -> Iterator[Wire]:
    """A connection on which an association was requested and accepted."""
    made = Wire(port)
    try:
        made.send(opening)
        kind, _ = made.pdu()
        assert kind == 2, f"PDU of type {kind} instead of A-ASSOCIATE-AC"
        yield made
    finally:
        made.close()


def send_raw(port: int, datasets: Sequence[FileDataset], *, calling: str = SENDER) -> list[int | None]:
    """C-STORE the objects over one association; their statuses."""
    with wire(port, request(datasets, calling=calling)) as made:
        statuses = []
        for ds in datasets:
            made.send(Store.of(ds, datasets).encode())
            statuses.append(made.status())
        made.send(RELEASE)
        assert made.pdu()[0] in {0, 6}
        return statuses


def _uid(value: str) -> bytes:
    encoded_value = value.encode()
    return encoded_value + b"\0" * (len(encoded_value) % 2)


def _pdv(context_id: int, control: int, content: bytes) -> bytes:
    return struct.pack(">BxLLBB", 4, len(content) + 6, len(content) + 2, context_id, control) + content
