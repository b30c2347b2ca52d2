"""Real images with names burned in, from stage 1 to the package: Tesseract reads nobody there, clean pixels stay."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import FileDataset

from pacs2trial.clearance import filter_subject
from pacs2trial.clearance.decisions import release
from pacs2trial.collect import collect_subject
from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.filtering.decisions import reject
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.keytable import enrolled, import_key_table, read_key_table
from pacs2trial.pixels.areas import Area
from pacs2trial.pixels.decoding import shown_values
from pacs2trial.pixels.image import image_of
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Instance, QuarantineItem
from pacs2trial.verify import Proof, verify_package
from pacs2trial.workspace import Workspace
from support.programs import need
from support.shared import SHARED, needs_shared_data
from support.vaults import write_definition

pytestmark = needs_shared_data

TRIAL = "LUNGART"
BY_HAND = "burned-in-ultrasound/GREYSCALE_IMAGE.dcm"
REFUSED = "burned-in-ct-screens/I50"
WRITTEN = {
    "burned-in-presidio/2_ORIGINAL.dcm": ["KAUFMAN", "SCOTT", "07221943", "2012"],
    "burned-in-ultrasound/RGB_IMAGE.dcm": ["DOWNTIME", "MARY", "120907058", "00047431395", "4142020", "CLEVELAND"],
    "burned-in-ct-screens/I40": ["PLASTIC", "LASTNAMEHEAD", "TRAUMA", "PLAINHEAD"],
    BY_HAND: ["TESTPATIENT", "00079241539", "08291951", "CLEVELAN", "03022017"],
}
"""What identifies in each picture, as letters and digits only."""
CLEAN = ["burned-in-presidio/RGB_ORIGINAL.dcm", "burned-in-flag-only/burned_in_yes.dcm", "burned-in-ct-screens/I10"]
TOP = [Area(0, 0, 700, 28), Area(810, 0, 214, 28)]


@dataclass
class Way:
    """What came out for each original, and the proofs of its package."""

    packaged: dict[str, bytes]
    proofs: list[Proof]


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """A trial that wants all of it looked at; of two pictures a person decides."""
    folder = tmp_path_factory.mktemp("real")
    settings = Settings(home=folder / "home", trials=folder / "trials", receiver_port=0, durable=False)
    settings.trials.mkdir()
    Vault.create(settings)
    write_definition(
        settings.trials,
        TRIAL,
        subject_key="LA-[0-9]{3}",
        source={"pacs": "main", "modalities": ["CT", "US", "PT", "NM"]},
        profile={"options": ["clean_descriptors", "clean_pixel_data"]},
    )
    ws = Workspace.open(settings)
    originals = {name: (SHARED / name).read_bytes() for name in (*WRITTEN, *CLEAN, REFUSED)}
    headers = [_header(data) for data in originals.values()]
    patients = sorted({(one.PatientID, one.get("IssuerOfPatientID", "")) for one in headers})
    table = settings.keys / "lungart.csv"
    rows = [f"{patient},{issuer},LA-{number:03}" for number, (patient, issuer) in enumerate(patients, 1)]
    table.write_text("\n".join(["patient_id,issuer,subject_key", *rows]) + "\n")
    import_key_table(ws.vault, ws.definition(TRIAL), read_key_table(table), actor="test")
    staged = {name: stage_part10(ws, data, source="file").sop_instance for name, data in originals.items()}
    release(ws, _token(ws, staged[BY_HAND]), "the line on top names her", "ann", areas=TOP)
    reject(ws, _token(ws, staged[REFUSED]), "no use for it", "ann")
    yield _packaged(ws, originals)
    ws.vault.close()


def _packaged(ws: Workspace, originals: dict[str, bytes]) -> Way:
    definition = ws.definition(TRIAL)
    found: list[bytes] = []
    proofs: list[Proof] = []
    for subject in enrolled(ws.vault, TRIAL):
        done = filter_subject(ws, definition, subject)
        assert done.held == 0, done.reasons
        for package in collect_subject(ws, definition, subject):
            proofs += verify_package(ws, package.package_id)
            with zipfile.ZipFile(package.path) as archive:
                found += [archive.read(name) for name in archive.namelist() if name.endswith(".dcm")]
    by_shape = {_shape(_header(data)): data for data in found}
    assert len(by_shape) == len(found)
    return Way({name: data for name in originals if (data := by_shape.get(_shape(_header(originals[name]))))}, proofs)


def _header(data: bytes) -> FileDataset:
    return dcmread(io.BytesIO(data), stop_before_pixels=True)


def _shape(header: FileDataset) -> tuple[object, ...]:
    """By what the pictures can be told from each other, whatever was done to them."""
    return header.Modality, header.Rows, header.Columns, header.PhotometricInterpretation


def _token(ws: Workspace, sop_instance: str) -> str:
    with ws.vault.session(read_only=True) as session:
        query = session.query(QuarantineItem.token).join(Instance, Instance.id == QuarantineItem.instance_id)
        return query.filter(Instance.sop_instance == sop_instance).one()[0]


def read(data: bytes) -> str:
    """Letters and digits that Tesseract reads, dark on light, small pictures twice as large."""
    image = image_of(split_file(data))
    assert image is not None
    shown = shown_values(image, 1).astype(float)
    low, high = np.percentile(shown, (0.5, 99.5))
    grey = np.clip((shown - low) / max(high - low, 1) * 255, 0, 255).astype(np.uint8)
    picture = Image.fromarray(255 - grey).convert("L")
    file = io.BytesIO()
    scale = 2 if picture.width < 800 else 1
    picture.resize((picture.width * scale, picture.height * scale)).save(file, "PNG")
    command = [need("tesseract"), "stdin", "stdout", "--psm", "11"]
    one_thread = os.environ | {"OMP_THREAD_LIMIT": "1"}
    done = subprocess.run(command, input=file.getvalue(), capture_output=True, check=True, env=one_thread)
    return re.sub(r"[^A-Z0-9]", "", done.stdout.decode().upper())


@pytest.mark.parametrize("name", WRITTEN)
def test_tesseract_reads_nobody_in_the_package(way: Way, name: str) -> None:
    before, after = read((SHARED / name).read_bytes()), read(way.packaged[name])
    assert [text for text in WRITTEN[name] if text in before], "the second reader sees something at all"
    assert [text for text in WRITTEN[name] if text in after] == []


def test_every_picture_is_there_but_the_refused_one_and_every_proof_holds(way: Way) -> None:
    assert set(way.packaged) == {*WRITTEN, *CLEAN}
    assert [proof for proof in way.proofs if not proof.passed] == []


@pytest.mark.parametrize("name", CLEAN)
def test_pixels_of_a_clean_picture_are_those_that_came(way: Way, name: str) -> None:
    before, after = dcmread(SHARED / name), dcmread(io.BytesIO(way.packaged[name]))
    assert hashlib.md5(after.PixelData).digest() == hashlib.md5(before.PixelData).digest()
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
