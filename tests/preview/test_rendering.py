"""Frames as pictures: the values that the standard's functions give, for every way in which pixels are kept."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import InputError
from pacs2trial.holdings.frames import encoded_frames, image_description
from pacs2trial.holdings.objects import ShownObject
from pacs2trial.preview.rendering import NotAPictureError, Viewport, Window, decoded, rendered
from support.programs import need

COMPRESSED = (
    "JPEG2000.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_jp2klossless.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
)


def shown(name: str) -> ShownObject:
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"pydicom did not bring {name}")
    content = Path(str(path)).read_bytes()
    found, header = split_file(content), dcmread(str(path), stop_before_pixels=True)
    return ShownObject(
        "1.2", "1.3", str(header.SOPInstanceUID), str(header.SOPClassUID), found.transfer_syntax, found.header,
        [found.pixel],
    )  # fmt: skip


def picture(content: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(content)))


def ramp(**changes: object) -> tuple[Dataset, bytes]:
    """An image of 16 by 16 values from 0 to 255, in 16 bits."""
    header = Dataset()
    header.update(
        {
            "Rows": 16, "Columns": 16, "SamplesPerPixel": 1, "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15,
            "PixelRepresentation": 0, "PhotometricInterpretation": "MONOCHROME2",
        } | changes
    )  # fmt: skip
    return header, np.arange(256, dtype="<u2").tobytes()


EXPLICIT = "1.2.840.10008.1.2.1"


def grey(header: Dataset, frame: bytes, window: Window | None = None) -> NDArray[np.uint8]:
    return picture(rendered(header, frame, EXPLICIT, window=window, kind="png"))


def test_without_a_window_the_values_are_stretched() -> None:
    assert (grey(*ramp()).ravel() == np.arange(256)).all()


def test_monochrome1_is_white_at_the_lowest_value() -> None:
    assert (grey(*ramp(PhotometricInterpretation="MONOCHROME1")).ravel() == 255 - np.arange(256)).all()


@pytest.mark.parametrize(
    ("window", "black", "white"),
    [
        (Window(100, 51), 74, 125),
        (Window(100, 50, "LINEAR_EXACT"), 75, 125),
        (Window(128, 1), 127, 128),
    ],
)
def test_a_window_goes_from_black_to_white_where_the_standard_says(window: Window, black: int, white: int) -> None:
    shown = grey(*ramp(), window).ravel()
    assert shown[black] == 0
    assert shown[white] == 255
    assert (np.diff(shown.astype(int)) >= 0).all()
    assert (shown[:black] == 0).all()
    assert (shown[white:] == 255).all()


def test_a_sigmoid_is_grey_at_its_center() -> None:
    shown = grey(*ramp(), Window(100, 40, "SIGMOID")).ravel()
    assert shown[100] == 128
    assert shown[0] < 3
    assert shown[255] == 255


def test_the_object_s_own_window_counts_after_its_rescaling() -> None:
    own = grey(*ramp(RescaleSlope="2", RescaleIntercept="-100", WindowCenter="100", WindowWidth="51"))
    assert (own.ravel()[88], own.ravel()[112]) == (8, 252)
    assert (grey(*ramp(RescaleSlope="2", RescaleIntercept="-100"), Window(100, 51)) == own).all()


@pytest.mark.parametrize("name", COMPRESSED)
def test_compressed_frames_are_shown(name: str) -> None:
    held = shown(name)
    header = held.described()
    (frame,) = encoded_frames(held, header, [1])
    image = picture(rendered(header, frame, held.transfer_syntax))
    assert image.shape[:2] == (header.Rows, header.Columns)
    assert image.std() > 1
    raw = decoded(header, frame, held.transfer_syntax)
    assert len(raw.rstrip(b"\0")) <= image_description(header).length <= len(raw)


def test_lossless_jpeg_is_shown_as_what_it_was_made_of(tmp_path: Path) -> None:
    source, target = str(get_testdata_file("CT_small.dcm")), tmp_path / "lossless.dcm"
    subprocess.run([need("dcmcjpeg"), "+e1", source, target], check=True)
    images = []
    for content in (Path(source).read_bytes(), target.read_bytes()):
        header, found = dcmread(io.BytesIO(content), stop_before_pixels=True), split_file(content)
        held = ShownObject("1.2", "1.3", "1.4", "1.5", found.transfer_syntax, found.header, [found.pixel])
        (frame,) = encoded_frames(held, header, [1])
        images.append(rendered(header, frame, held.transfer_syntax, kind="png"))
    assert images[0] == images[1]


def test_a_syntax_without_a_decoder_is_no_picture() -> None:
    held = shown("JPEG-lossy.dcm")
    header = held.described()
    (frame,) = encoded_frames(held, header, [1])
    with pytest.raises(NotAPictureError, match="JPEG Extended"):
        rendered(header, frame, held.transfer_syntax)


def test_a_frame_is_the_one_that_was_asked_for() -> None:
    header, frame = ramp(NumberOfFrames=3)
    frames = [frame, frame[::-1], bytes(len(frame))]
    held = ShownObject(
        "1.2", "1.3", "1.4", "1.5", EXPLICIT, b"", [bytes(12) + frames[0][:9], frames[0][9:] + frames[1], frames[2]]
    )
    assert list(encoded_frames(held, header, [3, 1, 2])) == [frames[2], frames[0], frames[1]]
    for wrong in (0, 4):
        with pytest.raises(InputError, match="3 frames"):
            list(encoded_frames(held, header, [wrong]))


def test_frames_of_one_bit_begin_at_a_byte_of_their_own() -> None:
    header, bits = Dataset(), np.arange(3 * 15) % 7 % 2
    header.update({"Rows": 3, "Columns": 5, "SamplesPerPixel": 1, "BitsAllocated": 1, "NumberOfFrames": 3})
    packed = np.packbits(bits.astype(np.uint8), bitorder="little").tobytes()
    held = ShownObject("1.2", "1.3", "1.4", "1.5", EXPLICIT, b"", [bytes(12), packed[:2], packed[2:]])
    for number, frame in enumerate(encoded_frames(held, header, [1, 2, 3])):
        unpacked = np.unpackbits(np.frombuffer(frame, np.uint8), bitorder="little")[:15]
        assert (unpacked == bits[number * 15 : (number + 1) * 15]).all()


@pytest.mark.parametrize(
    ("viewport", "size"),
    [
        (Viewport(8, 100), (8, 8)),
        (Viewport(64, 32), (32, 32)),
        (Viewport(100, 100, (0, 0, 16, 4)), (100, 25)),
    ],
)
def test_a_picture_fits_its_viewport(viewport: Viewport, size: tuple[int, int]) -> None:
    header, frame = ramp()
    content = rendered(header, frame, EXPLICIT, viewport=viewport, kind="gif")
    assert Image.open(io.BytesIO(content)).size == size


def test_what_is_no_picture_says_so_without_a_value() -> None:
    _, frame = ramp()
    for wrong in ({"Rows": 0}, {"Rows": 60000, "Columns": 60000}, {"BitsAllocated": 13}):
        with pytest.raises(NotAPictureError) as raised:
            grey(ramp(**wrong)[0], frame)
        assert "60000" not in str(raised.value)


def test_a_header_is_not_changed_by_a_picture() -> None:
    header = Dataset()
    header.Rows = header.Columns = 2
    header.NumberOfFrames = 3
    header.SamplesPerPixel, header.BitsAllocated, header.BitsStored, header.HighBit = 1, 8, 8, 7
    header.PixelRepresentation, header.PhotometricInterpretation = 0, "MONOCHROME2"
    rendered(header, b"\0\1\2\3", "1.2.840.10008.1.2.1")
    assert header.NumberOfFrames == 3
