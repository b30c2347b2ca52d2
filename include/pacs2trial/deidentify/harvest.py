"""What identifies a person and is gathered while an object is walked: the attributes, and how their bytes are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pacs2trial.deidentify.charset import ESCAPE, decode

NAME: Final = "name"
IDENTIFIER: Final = "identifier"
WEAK_IDENTIFIER: Final = "weak identifier"
"""A number that may be small or a date, such as a study ID: it counts when it is long and holds a digit."""
BIRTH_DATE: Final = "birth date"
PHONE: Final = "phone"
ADDRESS: Final = "address"
CONTACT: Final = "contact"
"""Telephone numbers, mail and web addresses, mixed."""

HARVESTED: Final = {
    0x00080050: IDENTIFIER,  # Accession Number
    0x00080092: ADDRESS,  # Referring Physician's Address
    0x00080094: PHONE,  # Referring Physician's Telephone Numbers
    0x00100012: NAME,  # Name to Use
    0x00100020: IDENTIFIER,  # Patient ID, in Other Patient IDs Sequence too
    0x00100030: BIRTH_DATE,
    0x00100033: IDENTIFIER,  # Patient's Birth Date in Alternative Calendar
    0x00101000: IDENTIFIER,  # Other Patient IDs
    0x00101040: ADDRESS,
    0x00101050: IDENTIFIER,  # Insurance Plan Identification
    0x00101090: IDENTIFIER,  # Medical Record Locator
    0x00102154: PHONE,
    0x00102155: CONTACT,  # Patient's Telecom Information
    0x00120040: WEAK_IDENTIFIER,  # Clinical Trial Subject ID, of another trial
    0x00120042: WEAK_IDENTIFIER,  # Clinical Trial Subject Reading ID
    0x00200010: WEAK_IDENTIFIER,  # Study ID
    0x00380010: IDENTIFIER,  # Admission ID
    0x00380060: IDENTIFIER,  # Service Episode ID
    0x00380400: ADDRESS,  # Patient's Institution Residence
    0x00400009: WEAK_IDENTIFIER,  # Scheduled Procedure Step ID
    0x00400253: WEAK_IDENTIFIER,  # Performed Procedure Step ID
    0x00401001: WEAK_IDENTIFIER,  # Requested Procedure ID
    0x00401102: ADDRESS,  # Person's Address
    0x00401103: PHONE,  # Person's Telephone Numbers
    0x00401104: CONTACT,  # Person's Telecom Information
    0x00402006: IDENTIFIER,  # Placer Order Number / Imaging Service Request (retired)
    0x00402007: IDENTIFIER,  # Filler Order Number / Imaging Service Request (retired)
    0x00402010: PHONE,  # Order Callback Phone Number
    0x00402011: CONTACT,  # Order Callback Telecom Information
    0x00402016: IDENTIFIER,  # Placer Order Number / Imaging Service Request
    0x00402017: IDENTIFIER,  # Filler Order Number / Imaging Service Request
}
"""What is gathered besides every attribute of VR PN, at every depth, whether it is kept, replaced or removed."""

PERSON_CODES: Final = 0x00401101
"""Person Identification Code Sequence: its codes are staff numbers, their meanings are names."""

OF_PERSON_CODES: Final = {0x00080100: WEAK_IDENTIFIER, 0x00080104: NAME}

_SWITCHING: Final = b"\\".join(
    (b"", b"ISO 2022 IR 87", b"ISO 2022 IR 159", b"ISO 2022 IR 13", b"ISO 2022 IR 149", b"ISO 2022 IR 58")
)


def readings(value: bytes, charset: bytes) -> Iterator[str]:
    """The texts that a value may mean: by the declared character set, and by those that are declared wrongly.

    Bytes beyond ASCII that form UTF-8 are most likely meant so, whatever is declared.
    """
    declared = decode(value, charset)
    if declared is not None:
        yield declared
    if value.isascii() and ESCAPE not in value:
        return
    if ESCAPE in value:
        switching = decode(value, _SWITCHING)
        if switching is not None and switching != declared:
            yield switching
    other = None if value.isascii() else _utf8(value)
    if other is not None and other != declared:
        yield other
    elif declared is None and not value.isascii():
        yield value.decode("cp1252", "replace")


def _utf8(value: bytes) -> str | None:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None
