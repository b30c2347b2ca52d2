from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.network.multipart import BrokenBodyError, parts
from pacs2trial.network.wado import fetch_objects
from pacs2trial.network.webpeer import WebPeer
from support.scripted_pacs import SERIES, STUDY
from support.web_pacs import BOUNDARY, RELATED, Answer, WebPacs, related

Start = Callable[..., tuple[WebPacs, WebPeer]]
OBJECT = b"\0" * 128 + b"DICM" + bytes(range(256)) * 40 + f"\r\n--{BOUNDARY[:-1]}".encode() + b"\r\n-\r\n\r\n"


def taking() -> tuple[list[tuple[bytes, str]], Callable[[bytearray, str], None]]:
    came: list[tuple[bytes, str]] = []
    return came, lambda content, named: came.append((bytes(content), named))


def test_objects_are_handed_over_as_they_came(web_pacs: Start):
    pacs, peer = web_pacs(lambda asked: related(OBJECT, OBJECT[::-1]))
    came, take = taking()
    assert fetch_objects(peer, STUDY, SERIES, take) == 2
    assert [content for content, _ in came] == [OBJECT, OBJECT[::-1]]
    (asked,) = pacs.asked
    assert asked.path == f"/studies/{STUDY}/series/{SERIES}"
    assert asked.headers["accept"] == 'multipart/related; type="application/dicom"; transfer-syntax=*'
    assert asked.headers["accept-encoding"] == "identity"


def test_a_whole_study_or_single_instances_may_be_asked_for(web_pacs: Start):
    pacs, peer = web_pacs(lambda asked: related(OBJECT))
    came, take = taking()
    fetch_objects(peer, STUDY, None, take)
    fetch_objects(peer, STUDY, SERIES, take, instances=["1.2.7", "1.2.8"])
    assert [asked.path for asked in pacs.asked] == [
        f"/studies/{STUDY}",
        f"/studies/{STUDY}/series/{SERIES}/instances/1.2.7",
        f"/studies/{STUDY}/series/{SERIES}/instances/1.2.8",
    ]
    assert [named for _, named in came] == ["", "1.2.7", "1.2.8"]


def test_the_instance_is_known_by_the_location_of_its_part(web_pacs: Start):
    _, peer = web_pacs(lambda asked: related(OBJECT, Content_Location="/rs/studies/1/series/2/instances/1.2.7"))
    came, take = taking()
    fetch_objects(peer, STUDY, SERIES, take)
    assert came[0][1] == "1.2.7"


def test_an_answer_that_is_no_multipart_is_one_object(web_pacs: Start):
    _, peer = web_pacs(lambda asked: Answer([OBJECT], "application/dicom"))
    came, take = taking()
    fetch_objects(peer, STUDY, SERIES, take, instances=["1.2.7"])
    assert came == [(OBJECT, "1.2.7")]


def test_one_instance_that_is_gone_stops_no_other(web_pacs: Start):
    _, peer = web_pacs(lambda asked: Answer(status=404) if asked.path.endswith("1.2.7") else related(OBJECT))
    came, take = taking()
    with pytest.raises(TransientError, match="404"):
        fetch_objects(peer, STUDY, SERIES, take, instances=["1.2.7", "1.2.8"])
    assert [named for _, named in came] == ["1.2.8"]


@pytest.mark.parametrize(
    ("answer", "kind", "words", "whole"),
    [
        (related(), TransientError, "sent none of 2 instances: busy", 0),
        (Answer(status=503), TransientError, "HTTP status 503", 0),
        (Answer(status=406), PermanentError, "as they are stored", 0),
        (Answer([*related(OBJECT, OBJECT).pieces[:3]], RELATED), TransientError, "ends before its last boundary", 1),
        (Answer([*related(OBJECT, OBJECT).pieces[:3]], RELATED, cut=True), TransientError, "broke off", 1),
        (Answer([OBJECT], "multipart/related"), TransientError, "boundary is missing", 0),
    ],
)
def test_what_came_whole_is_kept_whatever_comes_after(web_pacs: Start, answer, kind, words, whole):
    _, peer = web_pacs(lambda asked: answer)
    came, take = taking()
    with pytest.raises(kind, match=words):
        fetch_objects(peer, STUDY, SERIES, take, expected=2)
    assert [content for content, _ in came] == [OBJECT] * whole


def test_a_cancelled_transfer_ends_at_once_and_without_an_error(web_pacs: Start):
    _, peer = web_pacs(lambda asked: related(*[bytes(300_000)] * 50))
    came, take = taking()
    fetch_objects(peer, STUDY, SERIES, take, expected=50, cancelled=lambda: len(came) >= 3)
    assert 3 <= len(came) < 10


NEARLY = f"\r\n--{BOUNDARY[:-1]}".encode()


@settings(deadline=None, max_examples=60)
@given(
    contents=st.lists(st.binary(max_size=200) | st.sampled_from([b"\r\n", b"--", b"\r\n--", NEARLY]), max_size=5),
    size=st.integers(1, 90),
    preamble=st.booleans(),
)
def test_parts_are_the_same_however_the_body_is_cut_into_pieces(contents, size, preamble):
    body = b"".join(related(*contents).pieces)
    body = body if preamble else body.removeprefix(b"\r\n")
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    if contents:
        assert [bytes(part.content) for part in parts(RELATED, pieces)] == contents


def test_no_more_than_one_object_is_in_memory():
    alive = []

    def pieces():
        for piece in related(*[bytes(1_000_000)] * 8).pieces:
            yield piece
            alive.append(sum(map(len, held)))

    held: list[bytearray] = []
    for part in parts(RELATED, pieces()):
        held[:] = [part.content]
    assert max(alive) <= 1_000_000


def test_a_body_without_end_is_no_whole_body():
    with pytest.raises(BrokenBodyError):
        list(parts(RELATED, [b"nothing of the kind"]))
