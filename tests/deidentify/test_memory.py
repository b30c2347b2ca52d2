"""What is remembered of one object never shows in another: by parts or in one piece, the same comes out."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial.deidentify import Deidentified
from pacs2trial.deidentify.asked import Asked
from pacs2trial.deidentify.gathering import first_harvest
from pacs2trial.deidentify.judge import judge_of
from pacs2trial.deidentify.memory import walk_header
from pacs2trial.deidentify.operations import operations_of
from pacs2trial.deidentify.walk import Walk
from pacs2trial.dicomfile import encoding, runs
from pacs2trial.dicomfile.encoding import EXPLICIT_LITTLE, EncodedObject, split_dataset
from pacs2trial.errors import UnsafeObjectError
from pacs2trial.profile import Plan, staging_plan, trial_plan
from support.data_sets import objects as any_objects
from support.definitions import trial
from support.objects import TableOfPseudonyms, ct_slice, encoded, raw_element, structure_set, with_raw
from support.stages import stage1, stage2

IMPLICIT = "1.2.840.10008.1.2"
OPTIONS = ("clean_descriptors", "retain_modified_dates", "retain_patient_characteristics")
SIEMENS = {
    0x00190010: raw_element(0x00190010, "LO", b"SIEMENS MR HEADER "),
    0x0019100C: raw_element(0x0019100C, "IS", b"1000"),
}
"""A private block of which PS3.15 E.3.10 keeps the b value."""


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_RUNS", {False: runs.KnownRuns(), True: runs.KnownRuns()})


def in_one_piece(obj: EncodedObject) -> EncodedObject:
    return replace(obj, parts=(runs.Part(0, len(obj.header), 0, runs.all_elements(obj.parts)),))


def outcome(stage: Callable[..., Deidentified], obj: EncodedObject, **kwargs: object) -> object:
    """Everything that a stage says of an object, what it asked for included; the reason if it refuses."""
    pseudonyms = TableOfPseudonyms()
    try:
        made = stage(obj, **kwargs, pseudonyms=pseudonyms)
    except UnsafeObjectError as refused:
        return refused.reason, refused.detail
    return replace(made, pixel=[bytes(part) for part in made.pixel]), pseudonyms.calls


def second_stage(obj: EncodedObject, *, shift: int = -37, pseudonyms: TableOfPseudonyms) -> Deidentified:
    return stage2(obj, *OPTIONS, shift=shift, pseudonyms=pseudonyms)


def assert_nothing_shows(*objects: EncodedObject) -> None:
    for obj in objects:
        for stage in (stage1, second_stage):
            assert outcome(stage, obj) == outcome(stage, in_one_piece(obj))


def known_share(obj: EncodedObject) -> float:
    return sum(part.stop - part.start for part in obj.parts if part.run) / len(obj.header)


def patient(name: str, number: str) -> Callable[[int], Dataset]:
    def slice_of(index: int) -> Dataset:
        ds = ct_slice(index)
        ds.PatientName, ds.PatientID, ds.PatientBirthDate = name, number, f"19{number[-2:]}0407"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.2.3.{number[-2:]}.1", f"1.2.3.{number[-2:]}.1.1"
        ds.SOPInstanceUID = f"1.2.3.{number[-2:]}.1.1.{index}"
        ds.AcquisitionTime = f"1015{index % 60:02d}"
        ds.RequestAttributesSequence = Sequence([Dataset()])
        ds.RequestAttributesSequence[0].RequestedProcedureDescription = f"Lung of {name.partition('^')[0]}"
        ds.RequestAttributesSequence[0].ScheduledProcedureStepID = f"STEP{number}"
        return ds

    return slice_of


ANNA, LUNG = patient("Zephirin^Anna", "PAT-000051"), patient("Thorax^Karl", "PAT-000062")


def splits(objects: list[Dataset], *, implicit: bool = False) -> list[EncodedObject]:
    syntax = IMPLICIT if implicit else EXPLICIT_LITTLE
    return [split_dataset(encoded(ds, implicit=implicit), syntax) for ds in objects]


@pytest.mark.parametrize("implicit", [False, True])
def test_a_series_is_known_but_for_what_differs(implicit: bool) -> None:
    *_, last = objects = splits([ANNA(number) for number in range(1, 9)], implicit=implicit)
    assert known_share(objects[0]) == 0
    assert known_share(last) > 0.7
    assert_nothing_shows(*objects)


def test_the_same_object_once_more_teaches_nothing() -> None:
    objects = splits([ANNA(1)] * 6)
    assert known_share(objects[-1]) == 0


@pytest.mark.parametrize("seed", range(4))
def test_series_and_patients_in_any_order(seed: int) -> None:
    draw = random.Random(seed)
    datasets = [make(number) for make in (ANNA, LUNG) for number in range(1, 9)]
    datasets += [structure_set(of=range(1, number + 1)) for number in range(1, 5)]
    draw.shuffle(datasets)
    objects = splits(datasets, implicit=bool(seed % 2))
    assert any(known_share(obj) > 0.5 for obj in objects)
    assert_nothing_shows(*objects)


def test_two_patients_alternately() -> None:
    pairs = [make(number) for number in range(1, 9) for make in (ANNA, LUNG)]
    objects = splits(pairs)
    assert all(known_share(obj) > 0.7 for obj in objects[-2:])
    assert_nothing_shows(*objects)


def changed(**values: object) -> list[Dataset]:
    """Slices of a series, and then some of which an attribute differs while every other byte is what it was."""
    datasets = [ANNA(number) for number in range(1, 10)]
    for ds in datasets[6:]:
        for keyword, value in values.items():
            setattr(ds, keyword, value)
    return datasets


@pytest.mark.parametrize(
    "values",
    [
        {"PatientName": "Somatom^Thorax"},
        {"PatientName": "Siemens^Anna", "OtherPatientIDs": "CT01"},
        {"PatientID": "CT01"},
        {"AccessionNumber": "20190312"},
        {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Müller^Anna"},
        {"SpecificCharacterSet": "ISO_IR 144"},
        {"PixelRepresentation": 1},
        {"ContentDate": "20190313"},
        {"PatientBirthDate": "19120407", "PatientAge": "107Y"},
        {"Modality": "MR"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"},
        {"StudyInstanceUID": "1.2.840.10008.9.9"},
    ],
    ids=lambda values: "+".join(values),
)
def test_what_differs_counts_for_the_bytes_that_do_not(values: dict[str, object]) -> None:
    datasets = changed(**values)
    for ds in datasets:
        ds.add_new(0x00280106, "SS" if ds.PixelRepresentation else "US", 5)
        ds.SeriesDescription = "M\u00fcller Thorax" if ds.SpecificCharacterSet == "ISO_IR 100" else "Thorax"
    assert_nothing_shows(*splits(datasets))
    assert_nothing_shows(*splits(datasets, implicit=True))


def test_a_code_is_read_by_the_scheme_before_it() -> None:
    datasets = [ANNA(number) for number in range(1, 10)]
    raw = [encoded(ds) for ds in datasets]
    scheme = [b"99LOCAL ", b"DCM "]
    extra = [
        {
            0x00080102: raw_element(0x00080102, "SH", scheme[number > 5]),
            0x00080104: raw_element(0x00080104, "LO", b"Zubringer kV"),
            0x300A00C0: raw_element(0x300A00C0, "IS", b"%d " % (number % 3)),
            0x300A00C2: raw_element(0x300A00C2, "LO", b"Zubringer "),
        }
        for number in range(9)
    ]
    objects = [split_dataset(with_raw(data, more), EXPLICIT_LITTLE) for data, more in zip(raw, extra, strict=True)]
    assert_nothing_shows(*objects)


@pytest.mark.parametrize("low", [0x0001, 0x100C, 0x10FF])
def test_a_private_group_is_never_cut(low: int) -> None:
    """An element before, within or behind a known private group belongs to it."""
    tag = 0x00190000 | low
    more = {**SIEMENS, tag: raw_element(tag, "IS", b"50")}
    series = [with_raw(encoded(ANNA(number)), SIEMENS) for number in range(1, 7)]
    other = [with_raw(encoded(ANNA(number)), more) for number in range(7, 13)]
    without = [with_raw(encoded(ANNA(13)), {0x0019100C: SIEMENS[0x0019100C]})]
    assert_nothing_shows(*(split_dataset(data, EXPLICIT_LITTLE) for data in (*series, *other, *without)))


def test_a_private_group_at_the_end_is_never_cut() -> None:
    series = [encoded(ANNA(number)).partition(b"\xe0\x7f\x10\0")[0] for number in range(1, 9)]
    tail = raw_element(0x00290010, "LO", b"SIEMENS CSA HEADER")
    more = raw_element(0x00291008, "CS", b"IMAGE NUM 4 ")
    datas = [data + tail for data in series[:4]] + [data + tail + more for data in series[4:]]
    assert_nothing_shows(*(split_dataset(data, EXPLICIT_LITTLE) for data in datas))


def test_subjects_with_other_shifts_and_scopes_get_their_own() -> None:
    for number, obj in enumerate(splits([ANNA(number) for number in range(1, 13)])):
        shift = (-37, -38, 5)[number % 3]
        assert outcome(second_stage, obj, shift=shift) == outcome(second_stage, in_one_piece(obj), shift=shift)
        scopes = [TableOfPseudonyms(f"SCOPE{scope}") for scope in (1, 2)]
        one, other = (stage1(obj, pseudonyms=scope) for scope in scopes)
        assert [one.series, other.series] == [scope.uid("1.2.3.51.1.1") for scope in scopes]
        assert one.series.encode() in one.header and one.series.encode() not in other.header


def plans() -> Iterator[Plan]:
    yield staging_plan()
    yield trial_plan(trial(*OPTIONS))
    yield trial_plan(trial("retain_full_dates", "retain_safe_private", "clean_structured_content"))


def test_every_note_of_a_walk_is_the_same() -> None:
    for obj in splits([make(number) for make in (ANNA, LUNG) for number in range(1, 6)]):
        header = bytes(obj.header)
        for plan in plans():
            operations = operations_of(plan, obj.value(0x00080016).decode().strip("\0"), "CT")
            judge = judge_of(first_harvest(obj, header), plan)
            walks = [Walk(header, operations, judge, days=9, asked=Asked.of(obj)) for _ in range(2)]
            for walk, parts in zip(walks, (obj.parts, ()), strict=True):
                walk_header(walk, parts, implicit=obj.implicit)
            by_parts, whole = ({name: value for name, value in vars(walk).items() if name in _NOTED} for walk in walks)
            assert len(whole) == len(_NOTED)
            assert by_parts == whole
            assert [list(walk.uids) for walk in walks[:1]] == [list(walk.uids) for walk in walks[1:]]


_NOTED = (
    *("charset", "counts", "elements", "foreign", "harvest", "item_number", "originals", "passed", "scheme"),
    *("structural", "top", "uids", "unknown_names"),
)


@settings(max_examples=12, phases=(Phase.generate,), deadline=None, suppress_health_check=list(HealthCheck))
@given(ds=any_objects(), other=any_objects(), implicit=st.booleans())
def test_any_attributes_in_any_depth(ds: Dataset, other: Dataset, implicit: bool) -> None:
    datasets = []
    for number in range(8):
        chosen = Dataset()
        chosen.update(ds if number < 5 else {**{e.tag: e for e in ds}, **{e.tag: e for e in other if e.tag.group & 2}})
        chosen.SOPInstanceUID = f"1.2.3.4.{number}"
        datasets.append(chosen)
    assert_nothing_shows(*splits(datasets, implicit=implicit)[3:])


def test_what_is_bent_is_read_as_if_nothing_were_known() -> None:
    draw = random.Random("bent among straight ones")
    series = [encoded(ANNA(number)) for number in range(1, 6)]
    for data in series:
        split_dataset(data, EXPLICIT_LITTLE)
    known = encoding._RUNS
    for _ in range(300):
        data = bytearray(draw.choice(series))
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(data))
            if draw.random() < 0.5:
                data[at] = draw.randrange(256)
            elif draw.random() < 0.5:
                del data[at : at + draw.randint(1, 30)]
            else:
                start = draw.randrange(len(data))
                data[at:at] = data[start : start + draw.randint(1, 60)]
        fresh = {False: runs.KnownRuns(), True: runs.KnownRuns()}
        seen = [_read(bytes(data), memory) for memory in (known, fresh)]
        assert seen[0] == seen[1]
        if isinstance(seen[0], tuple):
            assert outcome(stage1, _split(bytes(data), known)) == outcome(stage1, _split(bytes(data), fresh))


def _split(data: bytes, memory: dict[bool, runs.KnownRuns]) -> EncodedObject:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "_RUNS", memory)
        return split_dataset(data, EXPLICIT_LITTLE)


def _read(data: bytes, memory: dict[bool, runs.KnownRuns]) -> object:
    try:
        obj = _split(data, memory)
    except UnsafeObjectError as refused:
        return f"{refused.reason}: {refused.detail}"
    return bytes(obj.header), bytes(obj.pixel), runs.all_elements(obj.parts), obj.in_order_to, obj.implicit


def test_it_begins_anew_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_MOST_BYTES", 1500)
    monkeypatch.setattr(runs, "_MOST_SERIES", 2)
    objects = splits([make(number) for number in range(1, 25) for make in (ANNA, LUNG)])
    shares = [known_share(obj) for obj in objects]
    assert max(shares) > 0.5
    assert shares[shares.index(max(shares)) :].count(0) > 0
    assert_nothing_shows(*objects)


def test_threads_may_learn_and_use_it_together() -> None:
    datas = [encoded(make(number)) for make in (ANNA, LUNG) for number in range(1, 13)]
    expected = {data: outcome(stage1, in_one_piece(split_dataset(data, EXPLICIT_LITTLE))) for data in datas}
    wrong: list[bytes] = []

    def work(seed: int) -> None:
        shuffled = random.Random(seed).sample(datas, len(datas))
        wrong.extend(d for d in shuffled if outcome(stage1, split_dataset(d, EXPLICIT_LITTLE)) != expected[d])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
