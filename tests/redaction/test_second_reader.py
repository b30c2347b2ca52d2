"""What was wiped is gone for readers that had no part in it: DCMTK's decoder, Tesseract."""

from __future__ import annotations

import io
import subprocess

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.pixels.decoding import shown_values
from pacs2trial.pixels.image import image_of
from pacs2trial.redaction.redact import redact_file
from pacs2trial.textdetection.find import find_text
from pacs2trial.textdetection.judge import judge_text
from pacs2trial.textdetection.likeness import identifiers
from pacs2trial_demo.generate import part10
from pacs2trial_demo.generate.burned_in import burn, cine, image_object, written
from support.programs import need

OWN = identifiers(names=["Lindqvist^Astrid"], ids=["PX4471093"])


@pytest.fixture(scope="module")
def ultrasound() -> bytes:
    """Colour, JPEG baseline with shared chrominance and restart markers, as ultrasound devices send."""
    screen = np.repeat(cine(1, 400, 512)[0][:, :, np.newaxis], 3, axis=2)
    for channel in range(3):
        burn(screen[:, :, channel], written("LINDQVIST, ASTRID", 20), 200, 20)
        burn(screen[:, :, channel], written("ID: PX4471093", 20), 20, 150, 200)
    file = io.BytesIO()
    Image.fromarray(screen).save(file, "JPEG", quality=92, subsampling=1, restart_marker_blocks=8)
    ds = image_object(screen[None], PhotometricInterpretation="YBR_FULL_422", PixelData=encapsulate([file.getvalue()]))
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    return part10(ds)


@pytest.fixture(scope="module")
def wiped(ultrasound: bytes) -> bytes:
    found = find_text(split_file(ultrasound))
    judged = judge_text(found, OWN, columns=512, rows=400)
    assert judged.outcome == "wipe"
    return redact_file(ultrasound, judged.areas)


def by_tesseract(data: bytes) -> str:
    image = image_of(split_file(data))
    assert image is not None
    file = io.BytesIO()
    Image.fromarray(255 - shown_values(image, 1)).resize((1024, 800)).save(file, "PNG")
    command = [need("tesseract"), "stdin", "stdout", "--psm", "11"]
    return subprocess.run(command, input=file.getvalue(), capture_output=True, check=True).stdout.decode()


def test_tesseract_reads_the_name_before_and_not_afterwards(ultrasound, wiped):
    before, after = by_tesseract(ultrasound), by_tesseract(wiped)
    assert "LINDQVIST" in before
    assert "PX447" in before
    assert [word for word in ("LINDQ", "ASTRID", "4471") if word in after] == []


def test_dcmtk_decodes_blanked_blocks_as_we_do(wiped, tmp_path):
    (tmp_path / "in.dcm").write_bytes(wiped)
    subprocess.run([need("dcmdjpeg"), "+cn", tmp_path / "in.dcm", tmp_path / "out.dcm"], check=True)
    theirs = pydicom.dcmread(tmp_path / "out.dcm").pixel_array[..., 0].astype(int)
    ours = pydicom.dcmread(tmp_path / "in.dcm").pixel_array.astype(int).mean(axis=-1)
    assert np.abs(theirs - ours).mean() < 3
    assert pydicom.dcmread(tmp_path / "in.dcm").file_meta.TransferSyntaxUID == JPEGBaseline8Bit
