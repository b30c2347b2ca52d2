"""Runs of elements that were seen before: the objects of a series repeat most of their header byte for byte.

A run is recognised by one comparison of bytes, so that its elements need not be stepped over again. What else is
derived from its bytes can be remembered by whoever derives it, since one and the same :class:`Run` stands for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Final, NamedTuple

from pacs2trial.dicomfile.scan import Element

READ_AHEAD: Final = 1 << 16
"""Bytes of an object within which runs are looked for."""

_SOP_INSTANCE: Final = 0x00080018
_SERIES: Final = 0x0020000E
_HEAD: Final = 8
_FEWEST: Final = 3
"""Elements that make it worth while to remember a run."""
_LARGEST_UNIT: Final = 1 << 13
"""Bytes of an element or private group; a larger one belongs to no run."""
_MOST_ALIKE: Final = 8
"""Runs with the same first element."""
_MOST_BYTES: Final = 8 << 20
_MOST_SERIES: Final = 256


class Run:
    """The bytes of successive elements of the outermost level; the elements' positions count from the first byte.

    Private groups are whole, because an element of one belongs to whoever reserved its block (PS3.5 7.8.1).
    """

    __slots__ = ("data", "elements", "first", "found", "last")

    def __init__(self, data: bytes, elements: Mapping[int, Element]) -> None:
        self.data = data
        self.elements = elements
        self.found = 0
        tags = tuple(elements)
        self.first, self.last = tags[0], tags[-1]

    def fits(self, buffer: bytes, start: int, last: int) -> bool:
        """Whether the run stands in ``buffer`` at ``start``, behind the tag ``last``, and no private group is cut."""
        if not buffer.startswith(self.data, start) or last >= self.first:
            return False
        if self.first & 0x10000 and last >> 16 == self.first >> 16:
            return False
        if not self.last & 0x10000:
            return True
        stop = start + len(self.data)
        group = buffer[stop : stop + 2]
        return len(group) == 2 and int.from_bytes(group, "little") != self.last >> 16


class Part(NamedTuple):
    """A stretch of the outermost level from ``start`` to ``stop``: a known run, or elements that are not known.

    The positions of ``elements`` count from ``origin``.
    """

    start: int
    stop: int
    origin: int
    elements: Mapping[int, Element]
    run: Run | None = None


class _Series:
    """What was seen of one series.

    Attributes:
        standing: what stood last at a tag, outside of known runs, as a hash.
        changing: the tags whose elements differ from object to object.
    """

    __slots__ = ("changing", "standing")

    def __init__(self) -> None:
        self.standing: dict[int, int] = {}
        self.changing: set[int] = set()

    def has_changed(self, tag: int, data: bytes) -> bool:
        """Note what stands at ``tag`` now; whether it is new or one of those that change."""
        before, now = self.standing.get(tag), hash(data)
        if before == now:
            return tag in self.changing
        self.standing[tag] = now
        if before is not None:
            self.changing.add(tag)
        return True


class KnownRuns:
    """Learns runs from the objects that come by; when it is full it begins anew.

    A run is what two objects of a series have in common, up to elements that are known to change in that series. Runs
    that are found side by side grow together.
    """

    def __init__(self) -> None:
        self._runs: dict[bytes, tuple[Run, ...]] = {}
        self._bytes = 0
        self._clock = 0
        self._series: dict[bytes, _Series] = {}
        self._lock = Lock()

    def find(self, buffer: bytes, start: int, last: int) -> Run | None:
        """The longest known run that begins at ``start``, right behind the element ``last``."""
        for run in self._runs.get(buffer[start : start + _HEAD], ()):
            if run.fits(buffer, start, last):
                self._clock = run.found = self._clock + 1
                return run
        return None

    def learn(self, buffer: bytes, parts: Sequence[Part]) -> None:
        """Take in an object whose elements ascend. The same object once more teaches nothing."""
        with self._lock:
            series = self._series_of(buffer, parts)
            stretch: list[Part] = []
            for unit in _units(parts):
                if unit.run is None and _changes(series, buffer, unit):
                    self._remember(buffer, stretch)
                    stretch = []
                elif _SOP_INSTANCE in unit.elements:
                    return
                else:
                    stretch.append(unit)
            self._remember(buffer, stretch)

    def _series_of(self, buffer: bytes, parts: Sequence[Part]) -> _Series:
        key = b""
        for part in parts:
            element = part.elements.get(_SERIES)
            if element is not None:
                key = buffer[part.origin + element[3] : part.origin + element[4]]
        series = self._series.pop(key, None) or _Series()
        self._series[key] = series
        if len(self._series) > _MOST_SERIES:
            del self._series[next(iter(self._series))]
        return series

    def _remember(self, buffer: bytes, units: Sequence[Part]) -> None:
        """Make one run of several units, unless they are too few to be worth it."""
        if len(units) < 2 or sum(len(unit.elements) for unit in units) < _FEWEST:
            return
        start, stop = units[0].start, units[-1].stop
        data = buffer[start:stop]
        elements = {
            tag: moved(element, unit.origin - start) for unit in units for tag, element in unit.elements.items()
        }
        self._bytes += len(data)
        if self._bytes > _MOST_BYTES:
            self._runs, self._bytes = {}, len(data)
        head = data[:_HEAD]
        alike = [run for run in self._runs.get(head, ()) if run.data != data]
        if len(alike) == _MOST_ALIKE:
            alike.remove(min(alike, key=lambda run: run.found))
        self._runs[head] = tuple(sorted([*alike, Run(data, elements)], key=lambda run: -len(run.data)))


def _changes(series: _Series, buffer: bytes, unit: Part) -> bool:
    if unit.stop > len(buffer) or unit.stop - unit.start > _LARGEST_UNIT:
        return True
    return series.has_changed(next(iter(unit.elements)), buffer[unit.start : unit.stop])


def all_elements(parts: Sequence[Part]) -> dict[int, Element]:
    """The elements of all parts, their positions as they stand in the header; of two with one tag the first."""
    found: dict[int, Element] = {}
    for part in parts:
        for tag, element in part.elements.items():
            found.setdefault(tag, moved(element, part.origin))
    return found


def moved(element: Element, by: int) -> Element:
    """The element as it stands so many bytes further on."""
    tag, vr, start, value, stop, undefined = element
    return tag, vr, start + by, value + by, stop + by, undefined


def _units(parts: Sequence[Part]) -> Iterator[Part]:
    """What is seen or new as a whole: a known run, a private group, else an element."""
    for part in parts:
        if part.run is not None:
            yield part
            continue
        group: dict[int, Element] = {}
        for tag, element in part.elements.items():
            if group and (not tag & 0x10000 or tag >> 16 != next(iter(group)) >> 16):
                yield _unit(group)
                group = {}
            group[tag] = element
            if not tag & 0x10000:
                yield _unit(group)
                group = {}
        if group:
            yield _unit(group)


def _unit(elements: Mapping[int, Element]) -> Part:
    standing = tuple(elements.values())
    return Part(standing[0][2], standing[-1][4], 0, elements)
