import time
from dataclasses import replace

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.network.move import move
from support.scripted_pacs import SERIES, STUDY, ScriptedPacs, impatient

_CT = "1.2.840.10008.5.1.4.1.1.2"


def answers(*responses):
    """C-MOVE answered by these (status, completed, failed, warning), the last being final; None leaves numbers out."""

    def handler(event):
        primitive = event.request
        for status, *numbers in responses:
            reply = type(primitive)()
            reply.MessageIDBeingRespondedTo = primitive.MessageID
            reply.AffectedSOPClassUID = primitive.AffectedSOPClassUID
            reply.Status = status
            names = ("Completed", "Failed", "Warning")
            for name, number in zip(names, numbers, strict=False):
                setattr(reply, f"NumberOf{name}Suboperations", number)
            event.assoc.dimse.send_msg(reply, event.context.context_id)
        # pynetdicom must send nothing of its own after the script
        event.assoc.dimse.send_msg = lambda *_: None
        yield None, None

    return evt.EVT_C_MOVE, handler


def recording(seen):
    def handler(event):
        seen.append((event.move_destination, event.identifier))
        yield None, None

    return evt.EVT_C_MOVE, handler


def test_numbers_of_the_final_response_are_returned(scripted_pacs: ScriptedPacs):
    done = move(scripted_pacs.node(answers((0xFF00, 1, 0, 0), (0x0000, 2, 0, 0))), STUDY, SERIES, expected=2)
    assert (done.completed, done.failed, done.warning, done.remaining) == (2, 0, 0, 0)


def test_numbers_that_the_final_response_leaves_out_are_the_last_said(scripted_pacs: ScriptedPacs):
    done = move(scripted_pacs.node(answers((0xFF00, 2, 1, 0), (0x0000,))), STUDY, SERIES, expected=3)
    assert (done.completed, done.failed) == (2, 1)


def test_a_pacs_that_never_tells_numbers_is_believed_for_the_time_being(scripted_pacs: ScriptedPacs):
    assert move(scripted_pacs.node(answers((0x0000,))), STUDY, SERIES, expected=3).completed is None


def test_success_that_did_nothing_is_a_busy_pacs(scripted_pacs: ScriptedPacs):
    with pytest.raises(TransientError, match="none of 3 instances: busy"):
        move(scripted_pacs.node(answers((0x0000, 0, 0, 0))), STUDY, SERIES, expected=3)


@pytest.mark.parametrize("status", [0x0000, 0xB000])
def test_failed_sub_operations_are_told_whatever_the_status(scripted_pacs: ScriptedPacs, status):
    assert move(scripted_pacs.node(answers((status, 0, 3, 0))), STUDY, SERIES, expected=3).failed == 3


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (0xA701, TransientError, "unable to count"),
        (0xA702, TransientError, "unable to perform"),
        (0xA801, PermanentError, "destination unknown; register the AE title 'STORE' .* or see that the receiver runs"),
        (0xA900, PermanentError, "does not match"),
        (0xC000, TransientError, "if the PACS does not know the move destination"),
        (0xFE00, TransientError, "cancelled"),
        (0xD123, TransientError, "PS3.4 does not know"),
    ],
)
def test_a_failed_move_is_told_apart_by_whether_it_may_pass(scripted_pacs: ScriptedPacs, status, kind, words):
    node = replace(scripted_pacs.node(answers((status,))), move_destination="STORE")
    with pytest.raises(kind, match=words):
        move(node, STUDY, SERIES, expected=3)


def test_an_abort_in_the_middle_is_transient(scripted_pacs: ScriptedPacs):
    def handler(event):
        event.assoc.abort()
        yield None, None

    with pytest.raises(TransientError, match="broke off during C-MOVE"):
        move(scripted_pacs.node((evt.EVT_C_MOVE, handler)), STUDY, SERIES)


def test_a_silent_pacs_is_given_up(scripted_pacs: ScriptedPacs):
    def handler(event):
        time.sleep(2)
        yield None, None

    with pytest.raises(TransientError, match="silent for 1 s"):
        move(impatient(scripted_pacs.node((evt.EVT_C_MOVE, handler))), STUDY, SERIES)


def test_the_request_names_the_destination_and_only_unique_keys(scripted_pacs: ScriptedPacs):
    seen = []
    node = replace(scripted_pacs.node(recording(seen)), move_destination="STORE")
    for keys in ((STUDY,), (STUDY, SERIES), (STUDY, SERIES, ["1.2.1", "1.2.2"])):
        with pytest.raises(PermanentError, match="0xA801"):
            move(node, *keys)
    assert [destination for destination, _ in seen] == ["STORE"] * 3
    levels = [(query.QueryRetrieveLevel, {element.keyword for element in query}) for _, query in seen]
    study, series = {"QueryRetrieveLevel", "StudyInstanceUID"}, {"SeriesInstanceUID"}
    assert levels == [
        ("STUDY", study),
        ("SERIES", study | series),
        ("IMAGE", study | series | {"SOPInstanceUID"}),
    ]
    assert list(seen[2][1].SOPInstanceUID) == ["1.2.1", "1.2.2"]


@pytest.mark.parametrize("heeded", [True, False])
def test_a_cancelled_move_stops_the_pacs_whether_or_not_it_heeds_c_cancel(scripted_pacs: ScriptedPacs, heeded):
    stored, ended_by = [], []
    store = AE("STORE")
    store.add_supported_context(_CT)
    receiver = store.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, lambda e: (stored.append(1), 0)[1])]
    )

    def endless(event):
        yield "127.0.0.1", receiver.server_address[1], {"contexts": [build_context(_CT)]}
        yield 1000
        for number in range(1000):
            if event.assoc.is_aborted:
                return
            if heeded and event.is_cancelled:
                ended_by.append("C-CANCEL")
                yield 0xFE00, None
                return
            time.sleep(0.02)
            yield 0xFF00, _instance(number)

    node = scripted_pacs.node((evt.EVT_C_MOVE, endless))
    began = time.monotonic()
    move(node, STUDY, SERIES, expected=1000, cancelled=lambda: len(stored) >= 3)
    assert time.monotonic() - began < 15
    receiver.shutdown()
    assert 3 <= len(stored) < 900
    assert ended_by == (["C-CANCEL"] if heeded else [])


def test_a_pacs_that_says_nothing_is_cancelled_all_the_same(scripted_pacs: ScriptedPacs):
    heard = []

    def silent(event):
        yield "127.0.0.1", 1, {"contexts": [build_context(_CT)]}
        for _ in range(500):
            if event.is_cancelled:
                heard.append("C-CANCEL")
                break
            time.sleep(0.02)
        yield 0

    node = scripted_pacs.node((evt.EVT_C_MOVE, silent))
    began = time.monotonic()
    move(node, STUDY, SERIES, expected=5, cancelled=lambda: True)
    assert time.monotonic() - began < 8
    assert heard == ["C-CANCEL"]


def _instance(number):
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = _CT, f"1.2.{number + 1}"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    return made
