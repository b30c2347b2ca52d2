"""Names of packages and members."""

from __future__ import annotations

import pytest

from pacs2trial.collect.layout import member_name, package_name
from pacs2trial.errors import InputError


def test_member_stands_below_subject_study_and_series() -> None:
    assert member_name("LA-001", "2.25.1", "2.25.2", "2.25.3") == "LA-001/2.25.1/2.25.2/2.25.3.dcm"


def test_package_per_study_is_named_by_key_and_study() -> None:
    assert package_name("LA-001") == "LA-001.zip"
    assert package_name("LA-001", "2.25.1") == "LA-001_2.25.1.zip"


@pytest.mark.parametrize("key", ["../LA-001", "LA/001", ".LA", "LA 001", "", "LA-001.", "LÄ-001", "a" * 65, "LA\n1"])
def test_subject_key_that_cannot_be_a_file_name_is_refused(key: str) -> None:
    with pytest.raises(InputError, match="cannot be part of a file name"):
        package_name(key)
