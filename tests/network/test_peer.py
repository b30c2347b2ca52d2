from collections.abc import Mapping
from typing import Any

import pytest

from pacs2trial.connections import Connection
from pacs2trial.errors import InputError
from pacs2trial.network.peer import peer
from pacs2trial.settings import Settings


class OneConnection:
    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def get(self, name: str) -> Connection:
        return Connection(name, **self._fields)


def described(extra: Mapping[str, Any], **fields: Any) -> Any:
    given = {"conn_type": "dicom", "host": "pacs.example", "port": 104} | fields
    return peer(OneConnection(**given, extra=extra), "main", Settings(receiver_aet="OURS"))


def test_the_receivers_ae_title_is_the_default_for_calling_and_for_the_move_destination():
    found = described({"aet": "PACS"})
    assert (found.aet, found.calling_aet, found.move_destination) == ("PACS", "OURS", "OURS")


def test_the_extra_names_the_ae_titles():
    found = described({"aet": "PACS", "calling_aet": "SCU", "move_destination": "STORE"})
    assert (found.calling_aet, found.move_destination) == ("SCU", "STORE")


def test_times_of_a_connection_uri_are_text_and_are_understood():
    assert described({"aet": "PACS", "response_timeout": "2.5"}).patience.response_timeout == 2.5


def test_everything_that_is_missing_is_listed_at_once():
    with pytest.raises(InputError) as caught:
        described({}, conn_type="http", host="", port=None)
    for field in ("connection type", "host", "port", "aet"):
        assert any(field in problem for problem in caught.value.problems), field


@pytest.mark.parametrize("aet", ["", "SEVENTEEN_LETTERS", "BACK\\SLASH", "   ", "ÄRZTE"])
def test_an_ae_title_that_ps3_5_forbids_is_refused(aet):
    with pytest.raises(InputError, match="aet"):
        described({"aet": aet})


def test_a_misspelt_extra_is_refused_by_name():
    with pytest.raises(InputError, match="timeout_response"):
        described({"aet": "PACS", "timeout_response": 3})


def test_a_time_must_be_positive():
    with pytest.raises(InputError, match="transfer_timeout"):
        described({"aet": "PACS", "transfer_timeout": 0})
