"""What dciodvfy says, without what it quotes."""

from __future__ import annotations

from pathlib import Path

from pydicom.data import get_testdata_file

from pacs2trial.verify.validity import errors_of
from support.packages import encoded, plain_object
from support.programs import need


def test_an_error_is_told_by_kind_and_place() -> None:
    dataset = plain_object("1.2.840.10008.5.1.4.1.1.2", "2.25.1", "2.25.2")
    assert "Missing attribute Type 2 Required PatientSex Patient" in errors_of(str(need("dciodvfy")), encoded(dataset))


def test_a_quoted_value_is_left_out() -> None:
    dataset = plain_object("1.2.840.10008.5.1.4.1.1.2", "2.25.1", "2.25.2")
    dataset.add_new(0x00080020, "LO", "1952.03.17\x07")
    dataset.add_new(0x00181020, "LO", "Smythe\x07")
    errors = errors_of(str(need("dciodvfy")), encoded(dataset))
    assert any("(0x0008,0x0020)" in error for error in errors)
    assert not any("1952" in error or "Smythe" in error for error in errors)


def test_a_valid_object_has_no_error() -> None:
    assert errors_of(str(need("dciodvfy")), Path(str(get_testdata_file("CT_small.dcm")))) == set()
