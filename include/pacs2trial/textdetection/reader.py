"""Reading text in pictures of 8 bits: PP-OCR models, which rapidocr carries in its package, run by onnxruntime.

Nothing is fetched and nothing is written: models come from the installed package, pictures are arrays in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pacs2trial.errors import SetupError

Picture = NDArray[np.uint8]
"""Rows, columns, and three samples: red, green, blue."""

_MODELS: Final = {"Det": "PP-OCRv6_det_small.onnx", "Rec": "PP-OCRv6_rec_small.onnx"}
_STEP: Final = 32
_UPRIGHT: Final = 1.5
_SURE: Final = 0.85
"""From this confidence on a reading is not tried again another way up."""

_SMALLEST: Final = 4
_TALL: Final = 160
_TALLEST: Final = 0.35
"""Pixels, and part of the picture, beyond which a line is no writing but what the picture shows."""


@dataclass(frozen=True)
class Reading:
    """A line of text in a picture.

    Attributes:
        left, top, right, bottom: the upright rectangle around it, in pixels; right and bottom lie behind it.
        text: as read.
        confidence: of the reading, 0 to 1.
    """

    left: int
    top: int
    right: int
    bottom: int
    text: str
    confidence: float


class Reader:
    """The two models, loaded once. Not to be shared between threads."""

    def __init__(self, threads: int = 1) -> None:
        self._detector = _engine(threads, "Det")
        self._recognizer = _engine(threads, "Rec")

    def read(self, picture: Picture) -> list[Reading]:
        """The lines of text in a picture, whichever way they run."""
        readings = []
        for corners in self.corners(picture):
            text, confidence = self._best(_cut(picture, corners))
            left, top = np.floor(corners.min(axis=0)).astype(int)
            right, bottom = np.ceil(corners.max(axis=0)).astype(int)
            readings.append(Reading(int(left), int(top), int(right), int(bottom), text, confidence))
        return readings

    def read_enlarged(self, picture: Picture, times: int) -> list[Reading]:
        """The same from the picture made larger, where small writing shows better; places are those of the original."""
        rows, columns = picture.shape[:2]
        large = cv2.resize(picture, (columns * times, rows * times), interpolation=cv2.INTER_CUBIC)
        return [
            Reading(
                one.left // times,
                one.top // times,
                min(-(-one.right // times), columns),
                min(-(-one.bottom // times), rows),
                one.text,
                one.confidence,
            )
            for one in self.read(np.asarray(large, np.uint8))
        ]

    def corners(self, picture: Picture) -> list[NDArray[np.float64]]:
        """Where text stands: four corners each, from the top left on clockwise, in pixels."""
        rows, columns = picture.shape[:2]
        padded = _padded(picture)
        found = self._detector(np.ascontiguousarray(padded[..., ::-1]), use_det=True, use_cls=False, use_rec=False)
        if found.boxes is None:
            return []
        limits = np.array([columns, rows], float)
        clipped = [np.clip(np.asarray(box, float), 0, limits) for box in found.boxes]
        most = max(_TALLEST * min(rows, columns), _TALL)
        return [box for box in clipped if _SMALLEST <= np.ptp(box, axis=0).min() <= most]

    def recognized(self, strip: Picture) -> tuple[str, float]:
        """What one line of text, upright, says."""
        said = self._recognizer(np.ascontiguousarray(strip[..., ::-1]), use_det=False, use_cls=False, use_rec=True)
        if not said.txts:
            return "", 0.0
        return str(said.txts[0]).strip(), float(said.scores[0])

    def _best(self, strip: Picture) -> tuple[str, float]:
        """The most confident of the ways in which a line may lie; one that is taller than wide runs up or down."""
        rows, columns = strip.shape[:2]
        turns = (1, 3) if rows >= columns * _UPRIGHT else (0, 2)
        best = ("", 0.0)
        for turn in turns:
            text, confidence = self.recognized(np.ascontiguousarray(np.rot90(strip, turn)))
            if confidence > best[1]:
                best = (text, confidence)
            if best[1] >= _SURE:
                break
        return best


@lru_cache(maxsize=2)
def reader(threads: int = 1) -> Reader:
    """The reader of this process.

    Args:
        threads: of one picture; a caller that works on several pictures at once says 1.

    Raises:
        SetupError: the models are not where the package of rapidocr has them.
    """
    return Reader(threads)


def _engine(threads: int, part: str) -> Any:
    """One model behind rapidocr's own preparation and decoding of pictures."""
    import rapidocr

    model = Path(str(rapidocr.__file__)).parent / "models" / _MODELS[part]
    if not model.is_file():
        raise SetupError(f"the package rapidocr has no model {model.name}: install it anew, as constraints.txt says")
    cv2.setNumThreads(threads)
    return rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_preprocess_img": False,
            "Global.use_vertical_padding": False,
            "Global.text_score": 0.0,
            f"{part}.model_path": str(model),
            "Det.limit_side_len": _STEP,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,
        }
    )


def _padded(picture: Picture) -> Picture:
    """With its last rows and columns repeated up to a multiple of what the model takes, so that nothing is resized."""
    rows, columns = picture.shape[:2]
    below, beside = -rows % _STEP, -columns % _STEP
    return np.pad(picture, ((0, below), (0, beside), (0, 0)), mode="edge") if below or beside else picture


def _cut(picture: Picture, corners: NDArray[np.float64]) -> Picture:
    """The quadrilateral as an upright rectangle."""
    width = max(np.linalg.norm(corners[0] - corners[1]), np.linalg.norm(corners[2] - corners[3]))
    height = max(np.linalg.norm(corners[0] - corners[3]), np.linalg.norm(corners[1] - corners[2]))
    size = max(round(width), 1), max(round(height), 1)
    target = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    cut = cv2.warpPerspective(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)
