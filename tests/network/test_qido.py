from collections.abc import Callable
from datetime import date

import pytest

from pacs2trial.errors import InputError, PermanentError, TransientError
from pacs2trial.network.archive import archive
from pacs2trial.network.association import UnreachableError
from pacs2trial.network.results import SeriesFound, StudyFound
from pacs2trial.network.webpeer import WebPeer
from support.programs import free_port
from support.scripted_pacs import PATIENT, PATIENT_ID, SERIES, STUDY
from support.web_pacs import Answer, Asked, WebPacs, found

Start = Callable[..., tuple[WebPacs, WebPeer]]
ID, STUDY_UID, SERIES_UID, SOP, DAY, MODALITIES = "00100020", "0020000D", "0020000E", "00080018", "00080020", "00080061"
WHOLE_STUDY = StudyFound(STUDY, PATIENT_ID, "", "", None)


def study(uid: str = STUDY, **values) -> dict[str, object]:
    return {ID: PATIENT_ID, STUDY_UID: uid, DAY: "20240305"} | values


def in_pages(*entities, most: int = 1000) -> Callable[[Asked], Answer]:
    """Answers from the offset on, no more than ``most`` of them, whatever limit is asked for."""

    def answer(asked: Asked) -> Answer:
        begin = int(asked.query.get("offset", 0))
        return found(*entities[begin : begin + min(most, int(asked.query["limit"]))])

    return answer


def ask(peer: WebPeer, *args) -> list[StudyFound]:
    with archive(peer) as pacs:
        return pacs.studies(PATIENT_ID, *args)


def test_a_study_is_returned_with_what_the_service_tells(web_pacs: Start):
    told = study(**{"00080050": "A1 ", "00100021": "HOSP", "00081030": "Planning", MODALITIES: ["CT", "RTPLAN"]})
    pacs, peer = web_pacs(in_pages(told))
    (one,) = ask(peer)
    assert (one.study, one.study_date, one.accession_number, one.issuer) == (STUDY, date(2024, 3, 5), "A1", "HOSP")
    assert (one.description, one.modalities) == ("Planning", ("CT", "RTPLAN"))
    assert pacs.asked[0].query["PatientID"] == PATIENT_ID
    assert pacs.asked[0].headers["accept"] == "application/dicom+json"


def test_optional_keys_may_be_missing(web_pacs: Start):
    _, peer = web_pacs(in_pages({ID: PATIENT_ID, STUDY_UID: STUDY}))
    (one,) = ask(peer)
    assert (one.study_date, one.accession_number, one.modalities) == (None, "", ())


@pytest.mark.parametrize("other", [PATIENT_ID.lower(), "0" + PATIENT_ID, PATIENT_ID + "1", "", None])
def test_answers_of_another_patient_are_dropped(web_pacs: Start, other):
    _, peer = web_pacs(in_pages(study("1.2.3", **{ID: other}), study()))
    assert [one.study for one in ask(peer)] == [STUDY]


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_all_pages_are_read_however_few_answers_a_page_has(web_pacs: Start, most):
    everything = [study(f"1.2.{number}") for number in range(20)]
    _, peer = web_pacs(in_pages(*everything, most=most))
    assert len(ask(peer)) == 20


def test_a_service_that_ignores_the_offset_ends_all_the_same(web_pacs: Start):
    pacs, peer = web_pacs(lambda asked: found(study("1.2.1"), study("1.2.2")))
    assert len(ask(peer)) == 2
    assert len(pacs.asked) == 2


def test_nothing_is_believed_only_when_it_is_said_twice(web_pacs: Start):
    asked = []
    _, peer = web_pacs(lambda a: (asked.append(a), in_pages(study())(a) if len(asked) > 1 else found())[1])
    assert len(ask(peer)) == 1


def test_the_window_is_asked_for_and_not_widened(web_pacs: Start):
    answers = [study(f"1.2.{n}", **{DAY: f"2024010{n}"}) for n in range(1, 6)] + [study("1.2.9", **{DAY: None})]
    pacs, peer = web_pacs(in_pages(*answers))
    assert [one.study for one in ask(peer, date(2024, 1, 2), date(2024, 1, 4))] == ["1.2.2", "1.2.3", "1.2.4"]
    assert pacs.asked[0].query["StudyDate"] == "20240102-20240104"


def test_series_and_instances_are_found_below_their_study(web_pacs: Start):
    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/instances"):
            return in_pages({SOP: "1.2.8", "00080016": "1.2.840.10008.5.1.4.1.1.2"}, {SOP: "1.2.7"})(asked)
        return in_pages({SERIES_UID: SERIES, "00080060": "CT"}, {SERIES_UID: "9.9", STUDY_UID: "1.2.3"})(asked)

    pacs, peer = web_pacs(answer)
    with archive(peer) as service:
        (series,) = service.series(WHOLE_STUDY)
        instances = service.instances(series)
    assert series == SeriesFound(STUDY, SERIES, "CT")
    assert [one.sop_instance for one in instances] == ["1.2.7", "1.2.8"]
    assert {asked.path for asked in pacs.asked} == {
        f"/studies/{STUDY}/series",
        f"/studies/{STUDY}/series/{SERIES}/instances",
    }


def test_login_and_token_go_along(web_pacs: Start):
    basic, peer = web_pacs(in_pages(study()), login="me", password="word")
    ask(peer)
    assert basic.asked[0].headers["authorization"] == "Basic bWU6d29yZA=="
    bearer, peer = web_pacs(in_pages(study()), token="abc")
    ask(peer)
    assert bearer.asked[0].headers["authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer(status=401), PermanentError, "401: it does not accept our login"),
        (Answer(status=403), PermanentError, "403: our login may not do that"),
        (Answer(status=429), TransientError, "429: too many requests"),
        (Answer(status=503), TransientError, "HTTP status 503"),
        (Answer(status=301), PermanentError, "301: it moved"),
        (Answer([b"<html>PLANTED"]), TransientError, "no JSON"),
        (Answer([b'{"PLANTED": 1}']), PermanentError, "another form"),
        (Answer([b'[{"00100020": {"vr": "LO", "Value": ["PLANTED"]}}]']), PermanentError, "without StudyInstanceUID"),
        (Answer([b"["], cut=True), TransientError, "broke off during QIDO-RS"),
    ],
)
def test_a_failure_is_told_apart_by_whether_it_may_pass(web_pacs: Start, answer, kind, words, caplog):
    _, peer = web_pacs(lambda asked: answer)
    with pytest.raises(kind, match=words) as failed:
        ask(peer)
    assert "PLANTED" not in str(failed.value) + caplog.text


def test_a_service_that_is_not_there_is_unreachable():
    with pytest.raises(UnreachableError, match="cannot be reached: no connection"):
        ask(WebPeer("main", f"http://127.0.0.1:{free_port()}/rs", patience=PATIENT))


def test_no_query_goes_out_for_an_empty_patient_id(web_pacs: Start):
    pacs, peer = web_pacs(in_pages(study()))
    with pytest.raises(InputError), archive(peer) as service:
        service.studies(" ")
    assert not pacs.asked


def test_no_address_and_no_value_reaches_a_log(web_pacs: Start, caplog):
    caplog.set_level("DEBUG")
    _, peer = web_pacs(in_pages(study(**{ID: "OTHER-PLANTED"}), study()))
    assert len(ask(peer)) == 1
    assert not [line for line in caplog.text.splitlines() if "PLANTED" in line or STUDY in line]
