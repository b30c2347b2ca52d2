"""Names in every form and script: none is left, what stays can be read, and nothing of them is told in an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.objects import ct_slice, encoded, raw_element, structure_set, with_raw
from support.second_readers import leaks
from support.stages import both_stages, file_of, reread, stage1

PERSON = 0x00100010
DESCRIPTION = 0x0008103E
CHARSET = 0x00080005
PHYSICIAN = 0x00081050


def named(charset: bytes, name: bytes, text: bytes) -> bytes:
    """A CT image with these bytes as character set, name and description."""
    values = {CHARSET: ("CS", charset), PERSON: ("PN", name), DESCRIPTION: ("LO", text), PHYSICIAN: ("PN", name)}
    return with_raw(
        encoded(ct_slice()),
        {tag: raw_element(tag, vr, value + b" " * (len(value) % 2)) for tag, (vr, value) in values.items()},
    )


JAPANESE = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"


@pytest.mark.parametrize(
    ("charset", "name", "text", "gone"),
    [
        (b"\\ISO 2022 IR 87", JAPANESE, b"CT \x1b$B;3ED\x1b(B", [b";3ED", b"Yamada"]),
        (b"\\ISO 2022 IR 87", JAPANESE, b"CT Tarou", [b"Tarou", b";3ED"]),
        (b"ISO_IR 192", "Łuczyńska^Żaneta".encode(), "CT żaneta".encode(), ["żaneta".encode(), "Łuczy".encode()]),
        (b"ISO_IR 192", "Łuczyńska^Żaneta".encode(), b"CT LUCZYNSKA", [b"LUCZYNSKA"]),
        (b"ISO_IR 100", b"M\xfcller^J\xf6rg", b"CT Joerg Mueller", [b"Joerg", b"Mueller"]),
        (b"ISO_IR 100", "Müller^Jörg".encode(), "CT Müller".encode(), ["Müller".encode(), b"ller"]),
        (b"", b"M\xfcller^J\xf6rg", b"CT M\xfcller", [b"M\xfcller"]),
        (
            b"ISO_IR 144",
            "Пупкин^Василий".encode("iso8859-5"),
            "CT Пупкин".encode("iso8859-5"),
            ["Пупкин".encode("iso8859-5")],
        ),
        (b"GB18030", "王^小东".encode("gb18030"), "CT 小东".encode("gb18030"), ["小东".encode("gb18030")]),
        (b"NONSENSE", b"M\xfcller^J\xf6rg", b"CT M\xfcller", [b"M\xfcller"]),
        (b"ISO_IR 192", b"\xff\xfe^Zebedee", b"CT Zebedee \xff", [b"Zebedee"]),
        (b"ISO_IR 100", b"Zebedee", b"CT Zebedee", [b"Zebedee"]),
        (b"ISO_IR 100", b"Zebedee^^^^", b"CT zebedee", [b"zebedee"]),
        (b"ISO_IR 100", b"^Zebedee\\Ottoline^Mae", b"CT OTTOLINE", [b"OTTOLINE", b"Zebedee"]),
        (b"ISO_IR 100", b"=Zebedee^Otto=", b"CT Zebedee", [b"Zebedee"]),
    ],
)
def test_a_name_is_left_in_no_form(charset: bytes, name: bytes, text: bytes, gone: list[bytes], tmp_path: Path) -> None:
    for made in (stage1(named(charset, name, text)), both_stages(named(charset, name, text), "clean_descriptors")):
        assert [one for one in gone if one in file_of(made)] == []
        assert leaks(file_of(made), tmp_path) == []
        found = reread(made)
        assert str(found.PatientName)


def test_structure_names_of_any_make_become_numbers_and_the_numbers_stay() -> None:
    names = [
        "Zielgebiet Łódź",
        "x" * 200,
        "GTVp",
        "GTVp",
        "腫瘍",
        "a/b\\c",
        "=cmd()",
        "../../etc",
        "Zoltan",
        "",
        "<script>",
    ]
    staged = both_stages(structure_set(names), "clean_descriptors")
    found = [roi.ROIName for roi in reread(staged).StructureSetROISequence]
    assert found[2:4] == ["GTVp", "GTVp"]
    assert all(name in ("GTVp", "", f"ROI_{number}") for number, name in enumerate(found, start=1))
    assert [roi.ROINumber for roi in reread(staged).StructureSetROISequence] == list(range(1, len(names) + 1))


def test_addresses_on_the_web_go_by_their_vr() -> None:
    ds = ct_slice()
    ds.RetrieveURL = ds.RetrieveURI = "https://pacs.ZZPHI/1.2.826.0.1.3680043.10.999.1"
    ds.add_new(0x0040E010, "UR", "https://pacs.ZZPHI/x")
    for made in (stage1(ds), both_stages(ds)):
        assert b"ZZPHI" not in file_of(made)
        assert b"pacs." not in file_of(made)
