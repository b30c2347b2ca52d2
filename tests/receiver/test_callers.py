"""The allow-list of callers: AE titles and addresses."""

from __future__ import annotations

import pytest

from pacs2trial.errors import SetupError
from pacs2trial.receiver.callers import read_callers


@pytest.mark.parametrize(
    ("setting", "calling", "address", "admitted"),
    [
        ("", "ANYONE", "203.0.113.9", True),
        ("CT1, PACS", "PACS", "203.0.113.9", True),
        ("CT1, PACS", " PACS ", "203.0.113.9", True),
        ("CT1, PACS", "pacs", "203.0.113.9", False),
        ("CT1, PACS", "OTHER", "127.0.0.1", False),
        ("CT1@10.1.2.3", "CT1", "10.1.2.3", True),
        ("CT1@10.1.2.3", "CT1", "10.1.2.4", False),
        ("CT1@10.0.0.0/8", "CT1", "10.200.2.4", True),
        ("CT1@10.0.0.0/8", "CT1", "::ffff:10.200.2.4", True),
        ("CT1@10.0.0.0/8", "CT1", "11.0.0.1", False),
        ("CT1@fd00::/8", "CT1", "fd00::7%eth0", True),
        ("CT1@fd00::/8", "CT1", "10.0.0.1", False),
        ("*@10.0.0.0/8,PACS", "WHOEVER", "10.0.0.1", True),
        ("*@10.0.0.0/8,PACS", "WHOEVER", "11.0.0.1", False),
        ("*@10.0.0.0/8\nPACS", "PACS", "11.0.0.1", True),
        ("CT1", "CT1", "no address", False),
    ],
)
def test_a_caller_is_admitted_as_listed(setting: str, calling: str, address: str, admitted: bool):
    assert read_callers(setting).admit(calling, address) is admitted


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("A_VERY_LONG_AE_TITLE", "'A_VERY_LONG_AE_TITLE': an AE title has 1 to 16 characters"),
        ("CT1@", "'CT1@': after @ comes an address"),
        ("CT1@10.0.0.1/8", "has host bits set; write an address such as 10.1.2.3"),
        ("CT1@pacs.example", "'pacs.example' does not appear to be an IPv4 or IPv6 network"),
        ("*", "lets everybody in; leave the setting empty"),
        ("@10.0.0.1", "an AE title has 1 to 16 characters"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_named(setting: str, words: str):
    with pytest.raises(SetupError, match="PACS2TRIAL_RECEIVER_ALLOW: ") as raised:
        read_callers(f"PACS, {setting}")
    assert words in str(raised.value)


def test_only_listed_names_are_counted_apart():
    callers = read_callers("CT1@10.0.0.1, CT1@10.0.0.2, *@10.0.0.0/8, PACS")
    assert callers.names == ("CT1", "PACS")
    assert [callers.name(calling) for calling in (" CT1", "PACS", "LUCZYNSKA^ANNA")] == ["CT1", "PACS", "other"]
