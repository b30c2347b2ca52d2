import io

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom import evt

from pacs2trial.errors import TransientError
from pacs2trial.network.get import get
from pacs2trial.network.storage_contexts import MOST_CONTEXTS, UNCOMPRESSED, USUAL, storage_contexts
from support.scripted_pacs import SERIES, STUDY, ScriptedPacs

CT = "1.2.840.10008.5.1.4.1.1.2"


def sends(*objects):
    def handler(event):
        yield len(objects)
        for one in objects:
            yield 0xFF00, one

    return evt.EVT_C_GET, handler


def encoded(dataset: Dataset, transfer_syntax) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, transfer_syntax == ImplicitVRLittleEndian
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def test_the_data_set_is_handed_over_as_it_came(scripted_pacs: ScriptedPacs):
    ct = dcmread(get_testdata_file("CT_small.dcm"))
    came = []
    node = scripted_pacs.node(sends(ct))
    done = get(node, STUDY, SERIES, lambda data, ts, named: (came.append((bytes(data), ts)), 0)[1], sop_classes={CT})
    assert done.completed == 1
    ((data, transfer_syntax),) = came
    assert data == encoded(ct, transfer_syntax)
    assert transfer_syntax in UNCOMPRESSED


@pytest.mark.parametrize("status", [0xA700, 0xC000])
def test_the_pacs_hears_the_status_of_every_object(scripted_pacs: ScriptedPacs, status):
    ct, again = dcmread(get_testdata_file("CT_small.dcm")), dcmread(get_testdata_file("CT_small.dcm"))
    again.SOPInstanceUID = "1.2.3"
    answers = iter([status, 0x0000])
    node = scripted_pacs.node(sends(ct, again))
    done = get(node, STUDY, SERIES, lambda data, ts, named: next(answers), sop_classes={CT}, expected=2)
    assert (done.completed, done.failed) == (1, 1)


def test_a_store_that_raises_fails_its_object_only_and_tells_no_value(scripted_pacs: ScriptedPacs, caplog):
    ct = dcmread(get_testdata_file("CT_small.dcm"))
    again = dcmread(get_testdata_file("CT_small.dcm"))
    again.SOPInstanceUID = "1.2.3"
    stored = []

    def store(data, transfer_syntax, named):
        if not stored:
            stored.append(0)
            raise ValueError("PLANTED")
        stored.append(1)
        return 0

    done = get(scripted_pacs.node(sends(ct, again)), STUDY, SERIES, store, sop_classes={CT}, expected=2)
    assert (done.completed, done.failed, stored) == (1, 1, [0, 1])
    assert "PLANTED" not in caplog.text


def test_success_that_sent_nothing_is_a_busy_pacs(scripted_pacs: ScriptedPacs):
    with pytest.raises(TransientError, match="busy"):
        get(scripted_pacs.node(sends()), STUDY, SERIES, lambda data, ts, named: 0, sop_classes={CT}, expected=2)


def test_every_announced_class_has_an_uncompressed_context_and_one_for_each_compression():
    contexts = storage_contexts({CT, "1.2.840.10008.5.1.4.1.1.4"})
    for sop_class in (CT, "1.2.840.10008.5.1.4.1.1.4"):
        syntaxes = [context.transfer_syntax for context in contexts if context.abstract_syntax == sop_class]
        assert syntaxes[0] == list(UNCOMPRESSED)
        assert [JPEG2000Lossless] in syntaxes


@pytest.mark.parametrize("sop_classes", [set(), {""}, {CT, ""}, {f"1.2.840.10008.5.1.4.1.1.{n}" for n in range(1, 80)}])
def test_contexts_leave_room_for_the_query_and_put_uncompressed_ones_first(sop_classes):
    contexts = storage_contexts(sop_classes)
    assert len(contexts) <= MOST_CONTEXTS - 1
    uncompressed = {str(cx.abstract_syntax) for cx in contexts if cx.transfer_syntax == list(UNCOMPRESSED)}
    assert uncompressed >= sop_classes - {""}


def test_usual_classes_are_proposed_when_the_pacs_does_not_say():
    assert {str(cx.abstract_syntax) for cx in storage_contexts({""})} == {str(uid) for uid in USUAL}


def test_a_compressed_object_comes_as_it_is(scripted_pacs: ScriptedPacs):
    j2k = dcmread(get_testdata_file("JPEG2000.dcm"))
    assert j2k.file_meta.TransferSyntaxUID != ExplicitVRLittleEndian
    came = []
    node = scripted_pacs.node(sends(j2k))
    get(
        node,
        STUDY,
        SERIES,
        lambda data, ts, named: (came.append((bytes(data), ts)), 0)[1],
        sop_classes={str(j2k.SOPClassUID)},
    )
    ((data, transfer_syntax),) = came
    assert transfer_syntax == j2k.file_meta.TransferSyntaxUID
    assert j2k.PixelData in io.BytesIO(data).getvalue()
