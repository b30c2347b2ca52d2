"""A name burned into an image is found, wiped and leaves as black; the decision lasts."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from sqlalchemy import select

from pacs2trial.clearance import filter_subject
from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.filtering.filter import Filtered
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.staging import quarantine
from pacs2trial.textdetection.find import find_text
from pacs2trial.vault.tables import (
    Disclosure,
    Instance,
    InstanceState,
    Judgement,
    PixelDecision,
    QuarantineItem,
    StagedVersion,
    TrialInstance,
)
from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.generate.ultrasound import ROWS, TEXT_COLUMN, TEXT_ROW
from pacs2trial_demo.identities import LUCZYNSKA, plain
from support.hospital import LUNG, PELVIS, SECOND_DAY, Hospital

KEY = "LA-001"
SOURCE = {"pacs": "main", "modalities": ["CT", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTIMAGE", "REG", "US"]}
CLEAN = {"source": SOURCE, "profile": {"options": ["clean_descriptors", "clean_pixel_data"]}}
DETECT = {"source": SOURCE, "filter": {"rules": [{"modality": "US", "then": "detect"}]}}


def image(**changes: object) -> FileDataset:
    (ultrasound,) = study(LUCZYNSKA, when=SECOND_DAY, parts={"US"}, slices=1, matrix=32)
    for keyword, value in changes.items():
        setattr(ultrasound, keyword, value)
    return ultrasound


def bring(hospital: Hospital, dataset: FileDataset) -> InstanceState:
    return stage_part10(hospital.ws, part10(dataset), source="file").outcome


def clear(hospital: Hospital, trial: str = LUNG, key: str = KEY) -> Filtered:
    return filter_subject(hospital.ws, hospital.ws.definition(trial), hospital.subject(trial, key))


def staged_ultrasound(hospital: Hospital) -> Path:
    with hospital.ws.vault.session(read_only=True) as session:
        query = select(StagedVersion.path).join(Instance).where(Instance.modality == "US")
        return hospital.ws.settings.staging / session.scalars(query).one()


def texts(data: bytes) -> str:
    return " ".join(one.text.upper() for one in find_text(split_file(data)))


def names_somebody(said: str) -> bool:
    parts = [plain(LUCZYNSKA.family), plain(LUCZYNSKA.given), LUCZYNSKA.patient_id, f"{LUCZYNSKA.birth_date:%d.%m.%Y}"]
    return any(part.upper() in said for part in parts)


@pytest.fixture
def waiting(hospital: Hospital) -> Hospital:
    """The site with an ultrasound image in quarantine."""
    assert bring(hospital, image()) is InstanceState.QUARANTINED
    return hospital


@pytest.fixture
def cleared(waiting: Hospital) -> Hospital:
    waiting.define(LUNG, **CLEAN)
    clear(waiting)
    return waiting


def test_the_package_shows_nobody_s_name_and_the_rest_of_the_picture(waiting: Hospital) -> None:
    waiting.define(LUNG, **DETECT)
    done = clear(waiting)
    assert (done.looked, dict(done.images), done.held) == (1, {"wipe": 1}, 0)
    package = waiting.package(LUNG, KEY)
    assert all(proof.passed for proof in waiting.verify(package))
    with zipfile.ZipFile(package.path) as archive:
        objects = [archive.read(name) for name in archive.namelist() if name.endswith(".dcm")]
    (ultrasound,) = [one for one in objects if dcmread(io.BytesIO(one), stop_before_pixels=True).Modality == "US"]
    assert names_somebody(texts(part10(image())))
    assert not names_somebody(texts(ultrasound))
    before, after = image().pixel_array, dcmread(io.BytesIO(ultrasound)).pixel_array
    assert not after[TEXT_ROW : TEXT_ROW + 14, TEXT_COLUMN : TEXT_COLUMN + 60].any()
    assert np.array_equal(before[ROWS // 3 :], after[ROWS // 3 :])


def test_the_object_says_that_its_pixels_were_cleaned(cleared: Hospital) -> None:
    staged = dcmread(staged_ultrasound(cleared))
    assert [item.CodeValue for item in staged.DeidentificationMethodCodeSequence] == ["113101"]
    assert staged.BurnedInAnnotation == "NO"
    assert staged.ImageType[0] == "DERIVED"


def test_nothing_of_it_stays_in_quarantine(cleared: Hospital) -> None:
    assert quarantine.items(cleared.ws) == []
    assert not any(cleared.ws.settings.quarantine.iterdir())
    with cleared.ws.vault.session(read_only=True) as session:
        assert session.scalars(select(QuarantineItem.state)).all() == ["released"]
        (instance,) = session.scalars(select(Instance).where(Instance.modality == "US"))
        assert (instance.state, instance.contents) == (InstanceState.STAGED, 1)


def test_without_a_rule_that_asks_for_it_a_person_decides(waiting: Hospital) -> None:
    waiting.define(LUNG, source=SOURCE)
    done = clear(waiting)
    assert (done.looked, dict(done.reasons)) == (0, {"quarantine: ultrasound": 1})


def test_what_the_trial_does_not_want_is_not_looked_at(waiting: Hospital) -> None:
    waiting.define(LUNG, profile={"options": ["clean_pixel_data"]})
    assert clear(waiting).looked == 0


def test_it_is_looked_at_once(cleared: Hospital) -> None:
    again = clear(cleared)
    assert (again.looked, dict(again.images), again.held) == (0, {}, 0)


def test_the_same_image_from_the_pacs_again_is_staged_as_it_was(cleared: Hospital) -> None:
    path = staged_ultrasound(cleared)
    before = path.read_bytes()
    path.unlink()
    assert bring(cleared, image()) is InstanceState.STAGED
    assert path.read_bytes() == before
    assert not any(cleared.ws.settings.quarantine.iterdir())


def test_another_picture_under_the_same_uid_waits_again(cleared: Hospital) -> None:
    other = image()
    pixels = np.frombuffer(other.PixelData, np.uint8).copy()
    pixels[-3000:] = 200
    other.PixelData = pixels.tobytes()
    assert bring(cleared, other) is InstanceState.QUARANTINED


def test_another_trial_gets_what_was_cleared_without_a_second_look(cleared: Hospital) -> None:
    cleared.define(PELVIS, source=SOURCE)
    done = clear(cleared, PELVIS, "PV-007")
    assert (done.looked, done.held) == (0, 0)
    with cleared.ws.vault.session(read_only=True) as session:
        states = session.scalars(select(TrialInstance.state).join(Instance).where(Instance.modality == "US")).all()
    assert set(states) == {Judgement.ACCEPTED}


def test_the_areas_of_a_mask_are_wiped_besides_what_is_found(waiting: Hospital) -> None:
    rule = {"modality": "US", "then": "mask", "areas": ["300,400,20,10"]}
    waiting.define(LUNG, source=SOURCE, filter={"rules": [rule]})
    clear(waiting)
    staged = staged_ultrasound(waiting).read_bytes()
    assert not dcmread(io.BytesIO(staged)).pixel_array[400:410, 300:320].any()
    assert not names_somebody(texts(staged))


def test_a_device_that_is_publicly_known_gets_its_mask(hospital: Hospital) -> None:
    bring(hospital, image(Manufacturer="Philips Medical Systems", ManufacturerModelName="iU22"))
    hospital.define(LUNG, **CLEAN)
    clear(hospital)
    assert not dcmread(staged_ultrasound(hospital)).pixel_array[:47].any()


def test_what_cannot_be_decoded_is_held(hospital: Hospital) -> None:
    dataset = image(PhotometricInterpretation="RGB")
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.50"
    dataset.PixelData = encapsulate([b"\xff\xd8\x00\x00\xff\xd9"])
    dataset["PixelData"].is_undefined_length = True
    assert bring(hospital, dataset) is InstanceState.QUARANTINED
    hospital.define(LUNG, **CLEAN)
    done = clear(hospital)
    assert done.held == 1
    (reason,) = done.reasons
    assert reason.startswith("quarantine: ultrasound; text in pixels: ")
    assert clear(hospital).looked == 0, "what cannot be decoded today cannot be decoded a minute later"


def test_text_that_may_be_anything_holds_the_image_where_the_site_wants_that(
    waiting: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting.define(LUNG, **CLEAN)
    object.__setattr__(waiting.ws.settings, "doubtful_text", "hold")
    done = clear(waiting)
    with waiting.ws.vault.session(read_only=True) as session:
        decision = session.scalars(select(PixelDecision)).one()
    assert decision.outcome == ("hold" if done.held else "wipe")
    assert decision.detector.endswith("doubtful hold")


def test_identifiers_are_disclosed_to_the_filter_with_their_number(cleared: Hospital) -> None:
    with cleared.ws.vault.session(read_only=True) as session:
        rows = session.scalars(select(Disclosure).where(Disclosure.purpose == f"text in pixels, trial {LUNG}")).all()
        assert {row.caller for row in rows} == {"filter"}
        assert sum(row.count for row in rows) >= 3
        decision = session.scalars(select(PixelDecision)).one()
    assert decision.found_sealed is not None
    assert plain(LUCZYNSKA.family).upper().encode() not in decision.found_sealed.upper()


def test_an_accepted_image_that_a_rule_suspects_is_wiped_in_staging(hospital: Hospital) -> None:
    dataset = image(BurnedInAnnotation="NO", ImageType=["DERIVED", "PRIMARY"], PhotometricInterpretation="MONOCHROME2")
    dataset.SamplesPerPixel, dataset.PixelData = 1, dataset.PixelData[::3]
    del dataset.PlanarConfiguration
    dataset.SOPClassUID, dataset.Modality = "1.2.840.10008.5.1.4.1.1.12.1", "XA"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    assert bring(hospital, dataset) is InstanceState.STAGED
    source = SOURCE | {"modalities": [*SOURCE["modalities"], "XA"]}
    hospital.define(LUNG, source=source, filter={"rules": [{"modality": "XA", "then": "detect"}]})
    before = {path: path.read_bytes() for path in hospital.ws.settings.staging.rglob("*.dcm")}
    done = clear(hospital)
    assert (dict(done.images), done.held) == ({"wipe": 1}, 0)
    after = {path: path.read_bytes() for path in hospital.ws.settings.staging.rglob("*.dcm")}
    (changed,) = [path for path in after if after[path] != before[path]]
    assert before.keys() == after.keys()
    assert names_somebody(texts(before[changed]))
    assert not names_somebody(texts(after[changed]))
    assert bring(hospital, dataset) is InstanceState.STAGED
    assert changed.read_bytes() == after[changed]
    assert len(hospital.collect(LUNG, KEY)) == 1
