"""The short attributes of objects that were asked for lately: a list that is paged through reads each object once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

LONGEST_VALUE = 1024
"""Bytes; longer values (contours, spectra, whole sequences) answer no query and are not kept."""

MOST_HEADERS = 4000
KEPT_S = 300
"""A trial's view follows tables of the hospital, so what it showed is not true for ever."""

_PER_FRAME = 0x5200

Key = tuple[int, int, str]
"""Version of the staged content, revision of the subject, mask of a face."""


class Headers:
    """A bounded memory of headers, by staged content and what else made them. Safe for threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, tuple[float, Dataset]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Dataset | None:
        """What is known by ``key``."""
        with self._lock:
            found = self._known.get(key)
            if found is None or time.monotonic() - found[0] > KEPT_S:
                return None
            self._known.move_to_end(key)
            return found[1]

    def put(self, key: Key, whole: Dataset) -> Dataset:
        """Remember the short attributes of ``whole``, and return them."""
        short = Dataset()
        for tag in sorted(whole.keys()):
            element = whole.get_item(tag)
            if isinstance(element, RawDataElement) and len(element.value or b"") > LONGEST_VALUE:
                continue
            if tag.group < _PER_FRAME:
                short[tag] = whole[tag]
        with self._lock:
            self._known[key] = (time.monotonic(), short)
            while len(self._known) > MOST_HEADERS:
                self._known.popitem(last=False)
        return short
