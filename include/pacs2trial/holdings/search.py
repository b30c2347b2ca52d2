"""Searching what is held: C-FIND and QIDO-RS ask here (PS3.4 C.2.2.2, C.4.1; PS3.18 10.6)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from pacs2trial.errors import HeldError, InputError, PermanentError
from pacs2trial.holdings.ledger import Content, Entity, Narrowing, Totals
from pacs2trial.holdings.levels import COUNTED, UNIQUE_KEYS, Level, level_of
from pacs2trial.holdings.matching import matches
from pacs2trial.holdings.narrowing import NOT_MATCHED, Keys, read_keys
from pacs2trial.holdings.view import View
from pacs2trial.trials.definition import STAGING

PAGE: Final = 100
"""Entities that are asked of the ledger, and whose headers are read, at a time."""

_UNLIMITED: Final = 1 << 31
_KNOWN: Final = frozenset(
    (
        *UNIQUE_KEYS.values(),
        *(keyword for keywords in COUNTED.values() for keyword in keywords),
        *("Modality", "SOPClassUID"),
    )
)
_BY_TAG: Final = {tag_for_keyword(keyword): keyword for keyword in _KNOWN}
_UNASKED: Final = frozenset(tag_for_keyword(keyword) for keyword in NOT_MATCHED)


@dataclass(frozen=True)
class _Asked:
    """A query on its way: ``wanted`` are the attributes of the answers."""

    view: View
    keys: Keys
    wanted: tuple[BaseTag, ...]

    @property
    def level(self) -> Level:
        return self.keys.level

    @property
    def counted(self) -> bool:
        return any(tag_for_keyword(word) in self.needed for word in COUNTED.get(self.level, ()))

    @property
    def needed(self) -> set[int]:
        return {*self.wanted, *(key.tag for key in self.keys.compared)}

    @property
    def opens_objects(self) -> bool:
        return any(
            tag not in _BY_TAG and tag not in _UNASKED and level_of(Tag(tag)) <= self.level for tag in self.needed
        )


def search(
    view: View,
    level: Level,
    identifier: Dataset,
    *,
    include: Collection[int] = (),
    limit: int | None = None,
    offset: int = 0,
) -> Iterator[Dataset]:
    """The entities of ``level`` that meet all keys of ``identifier``, each with the attributes that were asked for.

    An attribute that the entity lacks, or that belongs to a lower level, comes back empty. Objects are opened only
    for attributes that the ledger does not have.

    Args:
        view: whose.
        level: what is listed.
        identifier: matching and return keys.
        include: tags of further attributes to return.
        limit: at most so many.
        offset: so many matches are passed over.

    Raises:
        TransientError: vault or disk did not answer.
    """
    keys = read_keys(level, identifier, dates_known=view.scope == STAGING)
    wanted = {*include, *(key.tag for key in identifier if key.keyword not in NOT_MATCHED)}
    wanted |= {tag for one in UNIQUE_KEYS if one <= level for tag in [tag_for_keyword(UNIQUE_KEYS[one])] if tag}
    asked = _Asked(view, keys, tuple(sorted(Tag(tag) for tag in wanted)))
    narrowing = _in_staging(view, keys.narrowing)
    if narrowing is None:
        return iter(())
    most = _UNLIMITED if limit is None else limit
    if not keys.compared:
        return _pages(asked, narrowing, most, offset)
    matching = (
        answer
        for answer in _pages(asked, narrowing, _UNLIMITED, 0)
        if all(matches(key, answer) for key in keys.compared)
    )
    return islice((_without(answer, asked) for answer in matching), offset, offset + most)


def contents(view: View, identifier: Dataset) -> list[Content]:
    """The objects that the unique keys of a retrieval name (PS3.4 C.4.2.2.1), ordered by study, series and instance."""
    keys = read_keys(Level.IMAGE, identifier, dates_known=False)
    narrowing = _in_staging(view, keys.narrowing)
    if narrowing is None:
        return []
    with view.ws.vault.session(read_only=True) as session:
        return view.ledger.all_contents(session, narrowing)


def header_of(view: View, content: Content) -> Dataset:
    """The short attributes of an object as the scope shows it; none of one that cannot be shown now."""
    key = (content.chosen.version_id, content.revision, content.chosen.mask)
    known = view.headers.get(key)
    if known is not None:
        return known
    try:
        return view.headers.put(key, view.object_of(content).described())
    except (HeldError, InputError, PermanentError):
        return Dataset()


def _in_staging(view: View, by: Narrowing) -> Narrowing | None:
    """``by`` with UIDs of staging; None when nothing can match."""
    asked = [uid for uids in (by.studies, by.series, by.sop_instances) for uid in uids or ()]
    if not asked:
        return by
    with view.ws.vault.session(read_only=True) as session:
        known = view.staged(session, asked)

    def staged(uids: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if uids is None else tuple(known[uid] for uid in uids if uid in known)

    found = replace(by, studies=staged(by.studies), series=staged(by.series), sop_instances=staged(by.sop_instances))
    return None if () in (found.studies, found.series, found.sop_instances) else found


def _pages(asked: _Asked, narrowing: Narrowing, limit: int, offset: int) -> Iterator[Dataset]:
    view, done = asked.view, 0
    while done < limit:
        size = min(PAGE, limit - done)
        with view.ws.vault.session(read_only=True) as session:
            page = view.ledger.entities(session, asked.level, narrowing, limit=size, offset=offset + done)
            totals = view.ledger.totals(session, asked.level, page) if asked.counted else {}
            speaking = view.ledger.contents(session, [entity.representative for entity in page])
        yield from _answers(asked, page, totals, speaking)
        done += size
        if len(page) < size:
            return


def _answers(
    asked: _Asked, page: Sequence[Entity], totals: dict[tuple[str, ...], Totals], speaking: dict[int, Content]
) -> Iterator[Dataset]:
    shown = asked.view.shown({uid for entity in page for uid in entity.keys[1:]})
    for entity in page:
        content = speaking.get(entity.representative)
        if content is None:
            continue
        header = header_of(asked.view, content) if asked.opens_objects else Dataset()
        keys = [entity.keys[0], *(shown[uid] for uid in entity.keys[1:])]
        yield _answer(asked, keys, content, totals.get(entity.keys, Totals()), header)


def _answer(asked: _Asked, keys: Sequence[str], content: Content, totals: Totals, header: Dataset) -> Dataset:
    answer = Dataset()
    if "SpecificCharacterSet" in header:
        answer["SpecificCharacterSet"] = header["SpecificCharacterSet"]
    known: dict[str, object] = dict(zip(UNIQUE_KEYS.values(), keys, strict=False))
    known |= {"Modality": content.modality, "SOPClassUID": content.sop_class}
    known |= _counts(asked.level, totals) if asked.counted else {}
    for tag in sorted(asked.needed):
        _fill(answer, Tag(tag), known, header, asked.level)
    return answer


def _fill(answer: Dataset, tag: BaseTag, known: dict[str, object], header: Dataset, level: Level) -> None:
    keyword = _BY_TAG.get(tag, "")
    if keyword in known and level_of(tag) <= level:
        answer.add_new(tag, dictionary_VR(tag), known[keyword])
    elif keyword not in _KNOWN and tag in header and level_of(tag) <= level:
        answer[tag] = header[tag]
    else:
        _empty(answer, tag)


def _empty(answer: Dataset, tag: BaseTag) -> None:
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return
    answer.add_new(tag, vr.split(" ")[0], [] if vr == "SQ" else None)


def _counts(level: Level, totals: Totals) -> dict[str, object]:
    if level is Level.PATIENT:
        return dict(zip(COUNTED[level], (len(totals.studies), len(totals.series), totals.instances), strict=True))
    if level is Level.STUDY:
        return {
            "ModalitiesInStudy": sorted(filter(None, totals.modalities)),
            "SOPClassesInStudy": sorted(filter(None, totals.sop_classes)),
            "NumberOfStudyRelatedSeries": len(totals.series),
            "NumberOfStudyRelatedInstances": totals.instances,
        }
    return {"NumberOfSeriesRelatedInstances": totals.instances}


def _without(answer: Dataset, asked: _Asked) -> Dataset:
    """An answer without what was read only to compare it."""
    for tag in asked.needed.difference(asked.wanted):
        if tag in answer:
            del answer[tag]
    return answer
