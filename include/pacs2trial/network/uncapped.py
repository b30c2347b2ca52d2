"""Everything that a PACS holds, although it ends each list of answers at some number.

A PACS may say so by its status (0xA700, 0xFE00), by giving exactly as many answers as the connection's
``maximum_matches`` says, or only by giving fewer than it told at the level above. The question is then narrowed by keys
that every PACS has to match (PS3.4 C.6.2.1): study date and time, modality, instance number.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta

from pydicom import Dataset

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.network.identifier import number, text, unpadded

_logger = logging.getLogger(__name__)
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2099, 12, 31)
_LAST_MINUTE = 24 * 60 - 1
_PROBES = 3
_SPARE_NUMBERS = 100


@dataclass(frozen=True)
class Reply:
    """The answers to one query; ``cut`` is what to raise when there are more, and no narrower question brings them."""

    answers: list[Dataset] = field(repr=False)
    cut: TransientError | PermanentError | None = None


Ask = Callable[[Dataset], Reply]


def all_studies(ask: Ask, query: Dataset, date_from: date | None, date_to: date | None) -> list[Dataset]:
    """The answers at STUDY level, narrowed by study date and then by study time as far as it takes.

    Of studies without a date, those are found that the PACS gives within its limit.

    Raises:
        TransientError, PermanentError: there are more within one minute than the PACS gives.
    """
    first = ask(query)
    if first.cut is None:
        return first.answers
    return first.answers + _by_day(ask, query, date_from or _FIRST_DAY, date_to or _LAST_DAY)


def _by_day(ask: Ask, query: Dataset, first: date, last: date) -> list[Dataset]:
    if first == last:
        return _by_minute(ask, _narrowed(query, StudyDate=f"{first:%Y%m%d}"), 0, _LAST_MINUTE)
    middle = first + timedelta(days=(last - first).days // 2)
    answers: list[Dataset] = []
    for begin, end in ((first, middle), (middle + timedelta(days=1), last)):
        reply = ask(_narrowed(query, StudyDate=f"{begin:%Y%m%d}-{end:%Y%m%d}"))
        answers += reply.answers if reply.cut is None else _by_day(ask, query, begin, end)
    return answers


def _by_minute(ask: Ask, query: Dataset, first: int, last: int) -> list[Dataset]:
    reply = ask(_narrowed(query, StudyTime=f"{_clock(first)}00-{_clock(last)}59"))
    if reply.cut is None:
        return reply.answers
    if first == last:
        raise reply.cut
    middle = (first + last) // 2
    return _by_minute(ask, query, first, middle) + _by_minute(ask, query, middle + 1, last)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}{minute % 60:02}"


def all_series(ask: Ask, query: Dataset, told: int | None, modalities: Collection[str]) -> list[Dataset]:
    """The answers at SERIES level, narrowed by modality where they are cut, or fewer than the PACS told.

    Raises:
        TransientError, PermanentError: there are more of one modality than the PACS gives.
    """
    first = ask(query)
    found = _Found("SeriesInstanceUID", first.answers)
    if first.cut is None and (told is None or len(found) >= told):
        return found.answers
    seen = {unpadded(text(answer, "Modality")) for answer in first.answers} - {""}
    for modality in sorted({*modalities, *seen}):
        reply = ask(_narrowed(query, Modality=modality))
        if reply.cut is not None:
            raise reply.cut
        found.add(reply.answers)
    if first.cut is not None and not modalities:
        raise first.cut
    return found.answers


def all_instances(ask: Ask, query: Dataset, told: int | None) -> list[Dataset]:
    """The answers at IMAGE level, asked for by instance number where they are cut, or fewer than the PACS told.

    A number that the PACS told is only believed when one instance more comes for a number that nobody had seen.

    Raises:
        TransientError, PermanentError: answers are cut, and the numbers up to twice what was told bring no more; or
            they are cut, and the PACS does not tell how many there are.
    """
    first = ask(query)
    found = _Found("SOPInstanceUID", first.answers)
    if first.cut is None and (told is None or len(found) >= told):
        return found.answers
    if told is None:
        assert first.cut is not None
        raise first.cut
    seen = {known for answer in first.answers if (known := number(answer, "InstanceNumber")) is not None}
    highest = max(seen, default=0)
    candidates = [*range(highest + 1, highest + 1 + _PROBES), min(seen, default=0) - 1]
    if first.cut is None and not any(found.add(_of_number(ask, query, one)) for one in candidates):
        _logger.warning("a series holds %d instances fewer than the PACS told: it counts wrongly", told - len(found))
        return found.answers
    for one in range(max(2 * told, highest) + _SPARE_NUMBERS):
        if len(found) >= told:
            return found.answers
        if one not in seen:
            found.add(_of_number(ask, query, one))
    raise first.cut or PermanentError("a PACS gives fewer instances of a series than it has, and no narrower list")


def _of_number(ask: Ask, query: Dataset, instance_number: int) -> list[Dataset]:
    reply = ask(_narrowed(query, InstanceNumber=str(instance_number)))
    if reply.cut is not None:
        raise reply.cut
    return reply.answers


class _Found:
    """Answers, each once by its unique key."""

    def __init__(self, unique: str, answers: Iterable[Dataset]) -> None:
        self._unique = unique
        self._answers: dict[str, Dataset] = {}
        self._nameless: list[Dataset] = []
        self.add(answers)

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def answers(self) -> list[Dataset]:
        return [*self._answers.values(), *self._nameless]

    def add(self, answers: Iterable[Dataset]) -> bool:
        """Whether one of the answers was new."""
        before = len(self._answers)
        for answer in answers:
            uid = text(answer, self._unique)
            if uid:
                self._answers.setdefault(uid, answer)
            else:
                self._nameless.append(answer)  # the caller refuses it
        return len(self._answers) > before


def _narrowed(query: Dataset, **keys: str) -> Dataset:
    narrower = deepcopy(query)
    for keyword, value in keys.items():
        narrower[keyword].value = value
    return narrower
