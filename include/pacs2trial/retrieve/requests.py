"""Which studies, which series, or which instances of one, are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import groupby

from pacs2trial.network.suboperations import LIST_LENGTH
from pacs2trial.retrieve.outstanding import AskedInstance
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Kind


class Level(IntEnum):
    """How much one request asks for at most."""

    STUDY = 0
    SERIES = 1
    INSTANCE = 2


@dataclass(frozen=True)
class Request:
    """What is asked for, by original UIDs: a study without ``series``, a whole series without ``instances``."""

    study: str = field(repr=False)
    series: str | None = field(repr=False)
    instances: tuple[str, ...] = field(repr=False)
    sop_classes: frozenset[str]
    expected: int

    @property
    def level(self) -> Level:
        return Level.INSTANCE if self.instances else Level.SERIES if self.series else Level.STUDY


def requests(
    vault: Vault,
    instances: Iterable[AskedInstance],
    *,
    purpose: str,
    level: Level,
    whole_studies: Collection[str] = (),
    at_most: int | None = None,
) -> list[Request]:
    """Requests for everything outstanding, each as large as it may be without asking for anything else.

    Args:
        vault: where the original UIDs are; their use is recorded.
        instances: those of the studies that are asked for, outstanding and settled, in order of study and series.
        purpose: what the record of the disclosure says.
        level: the largest unit. A study, or a series, is asked for as a whole when nothing of it has come.
        whole_studies: those of which everything that the PACS shows is wanted, by staging Study Instance UID.
        at_most: instances in one request; None for no limit.
    """
    chosen: list[tuple[Level, Sequence[AskedInstance]]] = []
    for study, of_study in groupby(instances, key=lambda one: one.study):
        every = list(of_study)
        if level is Level.STUDY and study in whole_studies and _whole(every, at_most):
            chosen.append((Level.STUDY, every))
            continue
        for _, of_series in groupby(every, key=lambda one: one.series):
            group = list(of_series)
            if level is not Level.INSTANCE and _whole(group, at_most):
                chosen.append((Level.SERIES, group))
            else:
                outstanding = [one for one in group if one.outstanding]
                chosen += [(Level.INSTANCE, part) for part in _parts(outstanding, at_most)]
    original = _originals(vault, purpose, (one for _, part in chosen for one in part))
    return [_request(unit, part, original) for unit, part in chosen]


def _whole(instances: Sequence[AskedInstance], at_most: int | None) -> bool:
    return all(one.outstanding for one in instances) and (at_most is None or len(instances) <= at_most)


def _request(unit: Level, part: Sequence[AskedInstance], original: Mapping[str, str]) -> Request:
    return Request(
        study=original[part[0].study],
        series=None if unit is Level.STUDY else original[part[0].series],
        instances=tuple(original[one.sop_instance] for one in part) if unit is Level.INSTANCE else (),
        sop_classes=frozenset(one.sop_class for one in part),
        expected=len(part),
    )


def _originals(vault: Vault, purpose: str, instances: Iterable[AskedInstance]) -> Mapping[str, str]:
    pseudos = {uid for one in instances for uid in (one.study, one.series, one.sop_instance)}
    if not pseudos:
        return {}
    return vault.pseudonyms(STAGING).originals_of(Kind.UID, pseudos, caller="retrieve", purpose=purpose)


def _parts(instances: Sequence[AskedInstance], at_most: int | None) -> Iterator[Sequence[AskedInstance]]:
    length = min(LIST_LENGTH, at_most or LIST_LENGTH)
    for start in range(0, len(instances), length):
        yield instances[start : start + length]
