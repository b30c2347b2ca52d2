"""Text burned into generated images: sizes, faces, contrasts, ways up, photometric interpretations, single frames."""

from __future__ import annotations

import struct
from datetime import date

import numpy as np
import pytest

from pacs2trial.dicomfile.encoding import EncodedObject, split_file
from pacs2trial.errors import UnsafeObjectError
from pacs2trial.textdetection.find import find_text
from pacs2trial.textdetection.found import FoundText
from pacs2trial.textdetection.likeness import identifiers, named_in
from pacs2trial_demo.generate import part10
from pacs2trial_demo.generate.burned_in import burn, cine, image_object, written

NAME, NUMBER, BORN = "LINDQVIST, ASTRID", "ID: PX4471093", "23.04.1961"
OWN = identifiers(names=["Lindqvist^Astrid"], ids=["PX4471093"], birth_dates=[date(1961, 4, 23)])


def encoded(pixels: np.ndarray, **attributes: object) -> EncodedObject:
    return split_file(part10(image_object(pixels, **attributes)))


def named(found: list[FoundText]) -> list[FoundText]:
    return [one for one in found if named_in(one.text, OWN)]


def speckle(rows: int = 512, columns: int = 512) -> np.ndarray:
    return cine(1, rows, columns)[0]


def card(level: int = 255, height: int = 18, shape: tuple[int, int] = (300, 420), ground: int = 0) -> np.ndarray:
    """A plain image with the three texts."""
    image = np.full(shape, ground, np.uint8)
    for place, text in enumerate((NAME, NUMBER, BORN)):
        burn(image, written(text, height), 30, 30 + 80 * place, level)
    return image


def test_recall_over_faces_sizes_and_contrasts():
    """Lines of three faces in two sizes, in images of four contrasts and grounds; one may be misread."""
    seen = wanted = 0
    for level, ground in ((255, 0), (70, 0), (160, 110), (0, 110)):
        image = np.full((330, 480), ground, np.uint8)
        tops = [20 + 50 * line for line in range(6)]
        for line, top in enumerate(tops):
            face = ("dots", "strokes", "outlines")[line % 3]
            burn(image, written((NAME, NUMBER, BORN)[line // 2], (9, 14, 22)[line // 2], face), 20, top, level)
        found = named(find_text(encoded(image[None])))
        wanted += len(tops)
        seen += sum(any(abs(one.area.top - top) < 20 for one in found) for top in tops)
    assert seen >= wanted - 1, f"{seen} of {wanted}"


def test_text_that_runs_up_down_and_upside_down_is_read():
    image = speckle()
    burn(image, np.rot90(written(NUMBER, 18)), 20, 200)
    burn(image, np.rot90(written(NAME, 18), 3), 470, 200)
    burn(image, np.rot90(written(BORN, 18), 2), 180, 250)
    found = named(find_text(encoded(image[None])))
    assert {one.area.left // 150 for one in found} == {0, 1, 3}


@pytest.mark.parametrize(
    ("name", "obj"),
    [
        ("MONOCHROME1", lambda: encoded(255 - card()[None], PhotometricInterpretation="MONOCHROME1")),
        ("signed, 16 bits, far above the tissue", lambda: encoded(_signed())),
        (
            "signed, 16 bits, in the window of the header only",
            lambda: encoded(_faint(), WindowCenter=40, WindowWidth=60),
        ),
        ("planar", lambda: encoded(_planar(), PlanarConfiguration=1, PhotometricInterpretation="RGB")),
        ("YBR_FULL", lambda: encoded(_ybr(), PhotometricInterpretation="YBR_FULL")),
        ("red on black", lambda: encoded(np.stack([card(), card(0), card(0)], axis=-1)[None])),
        ("palette", lambda: _palette()),
        ("odd size", lambda: encoded(card()[None, :299, :419])),
    ],
)
def test_text_is_read_in_every_photometric_interpretation(name, obj):
    assert len({one.area.top // 80 for one in named(find_text(obj()))}) == 3, name


def _signed() -> np.ndarray:
    tissue = np.random.default_rng(1).normal(-200, 300, (1, 300, 420)).astype(np.int16)
    tissue[0][card() > 128] = 32767
    return tissue


def _faint() -> np.ndarray:
    values = np.full((1, 300, 420), 25, np.int16)
    values[0][card() > 128] = 58
    values[0, 260:, 380:] = 3000
    values[0, 280:, 400:] = -1024
    return values


def _planar() -> np.ndarray:
    rgb = np.stack([card(200), card(180), card(90)], axis=-1)
    return np.ascontiguousarray(rgb.transpose(2, 0, 1)).reshape(1, 300, 420, 3)


def _ybr() -> np.ndarray:
    grey = card()
    return np.stack([grey, np.full_like(grey, 128), np.full_like(grey, 128)], axis=-1)[None]


def _palette() -> EncodedObject:
    ramp = struct.pack("<256H", *(255 * 257 - 257 * i for i in range(256)))
    tables = {f"{c}PaletteColorLookupTableData": ramp for c in ("Red", "Green", "Blue")}
    descriptors = {f"{c}PaletteColorLookupTableDescriptor": [256, 0, 16] for c in ("Red", "Green", "Blue")}
    return encoded(card()[None], PhotometricInterpretation="PALETTE COLOR", **tables, **descriptors)


def test_text_in_a_single_frame_of_a_cine_is_found_there():
    film = cine(40, 384, 512)
    burn(film[17], written(NAME, 16), 180, 180)
    burn(film[29], written(NUMBER, 14, "strokes"), 20, 80, 160)
    found = named(find_text(encoded(film)))
    assert {(one.area.first_frame, one.area.last_frame) for one in found} == {(18, 18), (30, 30)}


def test_text_in_all_frames_is_told_once_for_all_of_them():
    film = cine(12, 256, 320)
    for frame in film:
        burn(frame, written(BORN, 16), 20, 60)
    (only,) = named(find_text(encoded(film)))
    assert (only.area.first_frame, only.area.last_frame) == (1, 12)


def test_pages_that_have_nothing_in_common_are_all_read():
    pages = np.zeros((9, 200, 320), np.uint8)
    for number, page in enumerate(pages):
        for row in range(8):
            burn(
                page, written(f"MEAN {number * 7 + row}.{row} MM  AREA {row * 3} CM", 14), 5 + number * 3, 3 + 24 * row
            )
    pages[6] = 0
    burn(pages[6], written(NAME, 16), 40, 90)
    assert [one.area.first_frame for one in named(find_text(encoded(pages)))] == [7]


def test_what_cannot_be_decoded_is_an_error_and_not_an_image_without_text():
    obj = encoded(card()[None])
    broken = split_file(part10(image_object(card()[None], Rows=600)))
    assert find_text(obj)
    with pytest.raises(UnsafeObjectError, match="pixel-length"):
        find_text(broken)
