from typing import Any

import pytest

from pacs2trial.connections import Connection, from_uri
from pacs2trial.errors import InputError
from pacs2trial.network.peer import Peer
from pacs2trial.network.webpeer import WebPeer, node
from pacs2trial.settings import Settings


class Known:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def get(self, name: str) -> Connection:
        return self.connection


def found(connection: Connection, way: str = "", settings: Any = None) -> Any:
    return node(Known(connection), "main", settings or Settings(), way=way)


def web(**fields: Any) -> Connection:
    return Connection(**({"name": "main", "conn_type": "https", "host": "pacs.example"} | fields))


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        (web(), "https://pacs.example"),
        (web(port=8443, extra={"path": "/dicom-web/"}), "https://pacs.example:8443/dicom-web"),
        (web(conn_type="http", schema="https", extra={"path": "rs"}), "https://pacs.example/rs"),
        (web(host="https://pacs.example/aets/A/rs"), "https://pacs.example/aets/A/rs"),
        (from_uri("main", "https://me:word@pacs.example:8443/dicom-web"), "https://pacs.example:8443/dicom-web"),
        (web(conn_type="dicom", extra={"dicomweb": "http://pacs.example/rs"}), "http://pacs.example/rs"),
        (web(conn_type="dicom", extra={"dicomweb": {"url": "http://pacs.example/rs"}}), "http://pacs.example/rs"),
    ],
)
def test_the_address_of_the_service_is_put_together_from_the_connection(connection: Connection, url: str) -> None:
    assert found(connection, "dicomweb").url == url


def test_the_type_of_the_connection_tells_the_service_where_nothing_else_does() -> None:
    dicom = {"conn_type": "dicom", "port": 104, "extra": {"aet": "PACS", "dicomweb": "https://pacs.example/rs"}}
    assert isinstance(found(web()), WebPeer)
    assert isinstance(found(web(**dicom)), Peer)
    assert isinstance(found(web(**dicom), "c-get"), Peer)
    assert isinstance(found(web(**dicom), "dicomweb"), WebPeer)


def test_login_and_password_or_a_token_go_along_and_are_never_shown() -> None:
    basic = found(web(login="me", password="PLANTED"))
    assert (basic.login, basic.password, basic.token) == ("me", "PLANTED", "")
    assert found(web(password="PLANTED")).token == "PLANTED"
    assert found(web(extra={"token": "PLANTED"})).token == "PLANTED"
    assert "PLANTED" not in repr(basic) + repr(found(web(password="PLANTED")))


@pytest.mark.parametrize(
    ("connection", "way", "words"),
    [
        (web(), "c-move", "allows only 'retrieve: dicomweb'; c-move needs a connection of type 'dicom'"),
        (web(conn_type="dicom"), "dicomweb", "address of its DICOMweb service is missing"),
        (web(host=""), "", "address of its DICOMweb service is missing"),
        (web(extra={"tokn": "x"}), "", "extra tokn: Extra inputs are not permitted"),
        (web(extra={"hours": "8-9"}), "", "extra hours: .*write '20:00-06:00'"),
        (web(host="https://me:word@pacs.example"), "", "login and password belong into the connection's fields"),
        (
            web(conn_type="dicom", port=104, extra={"aet": "PACS", "rate": {"mb_per_second": 1}}),
            "c-move",
            "rate.mb_per_second cannot be kept by c-move",
        ),
    ],
)
def test_what_is_wrong_with_a_connection_is_named(connection: Connection, way: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        found(connection, way)
    assert "word" not in str(refused.value).replace("password", "")


def test_a_limit_of_the_pacs_holds_for_both_services() -> None:
    extra = {"aet": "PACS", "dicomweb": "https://pacs.example/rs", "hours": "20:00-06:00", "maximum_matches": 500}
    connection = web(conn_type="dicom", port=104, extra=extra)
    assert found(connection, "c-get").limits == found(connection, "dicomweb").limits
    assert found(connection, "c-get").limits.maximum_matches == 500
