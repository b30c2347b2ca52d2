import logging
import time
from dataclasses import replace

import pytest
from pynetdicom import evt
from pynetdicom.presentation import build_context

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.network.association import RejectedError, UnreachableError, associate
from pacs2trial.network.echo import echo
from pacs2trial.network.find import find_studies
from support.programs import free_port
from support.scripted_pacs import FIND, PATIENT_ID, VERIFICATION, ScriptedPacs, dataset, finds, in_a_hurry, peer_at


def rejecting(result, source, reason):
    def handler(event):
        event.assoc.acse.send_reject(result, source, reason)
        event.assoc.kill()

    return evt.EVT_REQUESTED, handler


def test_a_node_that_is_there_and_knows_us_answers(scripted_pacs: ScriptedPacs):
    echo(scripted_pacs.node(offers=[VERIFICATION]))


def test_a_refused_connection_is_transient_and_names_the_peer():
    port = free_port()
    with pytest.raises(UnreachableError, match=f"'main' .PACS at 127.0.0.1:{port}.*connection refused"):
        echo(peer_at(port))


def test_an_unknown_host_is_said_to_be_one():
    with pytest.raises(UnreachableError, match="host name is unknown"):
        echo(peer_at(11112, host="no-such-host.invalid"))


def test_a_node_that_never_answers_ends_in_a_time_out(scripted_pacs: ScriptedPacs):
    with pytest.raises(UnreachableError, match="did not answer within 1 s"):
        echo(in_a_hurry(peer_at(scripted_pacs.mute_port())))


def test_a_wrong_called_ae_title_is_permanent_and_says_which(scripted_pacs: ScriptedPacs):
    with pytest.raises(PermanentError, match=r"called AE title not recognized.*'OTHER'"):
        echo(replace(scripted_pacs.node(), aet="OTHER"))


def test_a_rejection_is_one_however_quickly_it_comes(scripted_pacs: ScriptedPacs):
    """pynetdicom takes it for a failed connection when it came before the connection was looked at."""
    peer = replace(scripted_pacs.node(offers=[VERIFICATION]), aet="OTHER")
    late = (evt.EVT_REQUESTED, lambda _event: time.sleep(0.5))
    with (
        pytest.raises(RejectedError, match="called AE title not recognized"),
        associate(peer, [build_context(VERIFICATION)], response_timeout=5, handlers=[late]),
    ):
        pass


def test_an_association_that_is_accepted_and_ended_at_once_is_no_refusal_of_the_services(scripted_pacs: ScriptedPacs):
    peer = scripted_pacs.node(
        (evt.EVT_ESTABLISHED, lambda event: event.assoc.dul.socket.close()), offers=[VERIFICATION]
    )
    late = (evt.EVT_REQUESTED, lambda _event: time.sleep(0.5))
    with (
        pytest.raises(UnreachableError, match="aborted"),
        associate(peer, [build_context(VERIFICATION)], response_timeout=5, handlers=[late]),
    ):
        pass


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((1, 1, 3), PermanentError, "calling AE title not recognized; register 'PACS2TRIAL'"),
        ((1, 1, 1), PermanentError, "it gives no reason"),
        ((1, 1, 2), PermanentError, "application context name not supported"),
        ((1, 2, 2), PermanentError, "protocol version not supported"),
        ((2, 3, 1), TransientError, "temporary congestion"),
        ((2, 3, 2), TransientError, "too many associations"),
    ],
)
def test_a_rejection_is_spelled_out_and_permanent_as_ps3_8_says(scripted_pacs: ScriptedPacs, answer, kind, words):
    with pytest.raises(kind, match=words):
        echo(scripted_pacs.node(rejecting(*answer), offers=[VERIFICATION]))


def test_an_abort_instead_of_an_answer_is_transient(scripted_pacs: ScriptedPacs):
    def abort(event):
        event.assoc.acse.send_abort(0x02)
        event.assoc.kill()

    with pytest.raises(UnreachableError, match="closed the connection, aborted"):
        echo(scripted_pacs.node((evt.EVT_REQUESTED, abort), offers=[VERIFICATION]))


def test_a_node_without_the_service_is_permanent_and_names_it(scripted_pacs: ScriptedPacs):
    with pytest.raises(PermanentError, match="accepted none of the services"):
        find_studies(scripted_pacs.node(offers=[VERIFICATION]), PATIENT_ID)


def test_a_failed_echo_is_an_error(scripted_pacs: ScriptedPacs):
    with pytest.raises(PermanentError, match="0x0122: SOP Class not supported"):
        echo(scripted_pacs.node((evt.EVT_C_ECHO, lambda event: 0x0122), offers=[VERIFICATION]))


def test_neither_the_asked_nor_the_answered_values_reach_a_log(scripted_pacs: ScriptedPacs, caplog, recwarn):
    caplog.set_level(logging.DEBUG)
    bad_uid = "1.2.03.PLANTED"
    answer = dataset(QueryRetrieveLevel="STUDY", PatientID=PATIENT_ID, StudyDate="PLANTED", AccessionNumber="PLANTED-2")
    answer.add_new("StudyInstanceUID", "UI", bad_uid)
    find_studies(scripted_pacs.node(finds((0xFF00, answer)), offers=[FIND]), PATIENT_ID)
    said = [*caplog.text.splitlines(), *(str(warning.message) for warning in recwarn)]
    assert not [line for line in said if "PLANTED" in line]
