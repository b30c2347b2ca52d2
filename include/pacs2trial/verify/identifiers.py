"""Proof "own identifiers": nothing that the hospital calls the person, or the person's data, is in the package.

What is looked for is the person's own: patient IDs under any issuer, accession numbers, name parts, birth date, and
every original and staged UID of the objects. Where it is looked for: every attribute at every depth, the file meta
group and the preamble; the pixel payload is the filter's. How depends on what could stand there by chance:

* text: identifiers of five characters or more anywhere, shorter ones as a whole value; name parts as whole
  words, words of imaging where they stand as a name does (:mod:`pacs2trial.verify.words`);
* numbers as text (DS, IS), dates and times: whole values only, because a plan's coordinates hold every short digit
  sequence;
* UIDs: whole values, after the pseudonyms of the trial are taken out;
* the file as it is, pixel payload apart: UIDs, and identifiers of five characters or more that are no mere digits;
* binary: identifiers of five characters or more, name parts of five letters or more.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache

from pacs2trial.verify.dicom import STANDARD_UIDS, TEXT, DicomObject, Element
from pacs2trial.verify.terms import CODE_WORDS, METHOD_WORDS
from pacs2trial.verify.words import stands_as_word

LONG_ID = 5
"""Characters from which an identifier is searched anywhere in a text."""

_NAME_LETTERS, _NAME_LETTERS_BINARY = 3, 5
_NO_NAME = 1 << 30
_TEXTS = 1 << 14
"""Texts that are remembered: the objects of a series say nearly all the same."""
_WORD = re.compile(r"[^\W\d_]+")
_UID = re.compile(r"\d+(?:\.\d+){2,}")
_UID_BYTES = re.compile(rb"[0-9]+(?:\.[0-9]+){2,}")
_NUMBER = re.compile(r"[0-9+.eE-]+")
_NUMBERS = frozenset(("DS", "IS"))
_TIMES = frozenset(("DA", "DT", "TM"))
_YEAR_ONLY = "0101"
"""1 January stands for a year of birth without its day; who was born on that day shows no more than others."""
_PLAIN = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa"})


@dataclass(frozen=True)
class OwnIdentifiers:
    """What must not be found. Built by :func:`own_identifiers`; never printed."""

    names: frozenset[str]
    long_ids: frozenset[str]
    short_ids: frozenset[str]
    birth_dates: frozenset[str]
    uids: frozenset[str]

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The long IDs that could stand in a DS or IS."""
        return frozenset(text for text in self.long_ids if _NUMBER.fullmatch(text))

    @cached_property
    def telling_ids(self) -> frozenset[bytes]:
        """The long IDs that are no mere digits, as they stand in bytes."""
        return frozenset(text.encode() for text in self.long_ids if text.isascii() and not text.isdigit())

    def __repr__(self) -> str:
        return f"OwnIdentifiers({len(self.long_ids) + len(self.short_ids)} IDs, {len(self.names)} name parts)"


def own_identifiers(
    *, names: Iterable[str], ids: Iterable[str], birth_dates: Iterable[str], uids: Iterable[str]
) -> OwnIdentifiers:
    """Prepare the search.

    Args:
        names: person names as DICOM writes them (PN, PS3.5 6.2.1); prefixes and suffixes such as Dr are no names.
        ids: patient IDs and accession numbers.
        birth_dates: as DA, ``YYYYMMDD``.
        uids: original and staged UIDs.
    """
    folded = {fold(text.strip(" \0")) for text in ids} - {""}
    folded |= {stem for text in folded if text.isdigit() and len(stem := text.lstrip("0")) >= LONG_ID}
    days = {text.strip(" \0") for text in birth_dates}
    return OwnIdentifiers(
        names=frozenset(part for name in names for part in _name_parts(name)),
        long_ids=frozenset(text for text in folded if len(text) >= LONG_ID),
        short_ids=frozenset(text for text in folded if len(text) < LONG_ID),
        birth_dates=frozenset(day for day in days if re.fullmatch(r"\d{8}", day)),
        uids=frozenset(uids),
    )


def fold(text: str) -> str:
    """Text as it is compared: without case, without accents, strokes or ligatures."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_PLAIN)
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


class Search:
    """Looks for one person's identifiers in objects and texts of a package.

    Args:
        own: what must not be found.
        pseudonyms: UIDs of the trial's scope, which hold any digits by chance and are no identifiers.
        constants: texts of the trial definition (sponsor, site …): a person may share a name with a hospital.
    """

    def __init__(self, own: OwnIdentifiers, pseudonyms: Set[str], constants: Iterable[str] = ()) -> None:
        self._own = own
        self._pseudonyms = pseudonyms
        self._constants = frozenset(fold(text) for text in constants if text)
        self._in_text = lru_cache(maxsize=_TEXTS)(self._searched)

    def in_object(self, name: str, found: DicomObject) -> Iterator[str]:
        """Findings in one member, by its name and the attribute's path."""
        told = set[str]()
        for element in found.elements:
            for what in sorted(self._in_element(element)):
                yield f"{name}: {element.path} holds {what}"
                told.add(what)
        for what in sorted(self._in_bytes(found.header_bytes()) - told):
            yield f"{name}: its bytes hold {what}"

    def in_texts(self, name: str, texts: dict[str, str], *, names: bool = True) -> Iterator[str]:
        """Findings in texts that are no DICOM, by their place; ``names`` not where all words are the standard's."""
        for place, text in texts.items():
            for what in sorted(self._in_text(text, _NAME_LETTERS if names else _NO_NAME)):
                yield f"{name}: {place} holds {what}"

    def _in_bytes(self, header: bytes) -> set[str]:
        """UIDs, and IDs that are no mere digits, wherever they stand: digits alone are in every plan's coordinates."""
        tokens = {token.decode("ascii") for token in _UID_BYTES.findall(header)} - self._pseudonyms
        found = {"an original UID"} if tokens & self._own.uids else set()
        text = header.lower()
        if any(each in text for each in self._own.telling_ids):
            found.add("an original ID")
        return found

    def _in_element(self, element: Element) -> Set[str]:
        if element.vr == "UI":
            return {what for value in element.values() for what in self._in_uid(value)}
        if element.vr in _NUMBERS:
            return set() if self._own.numbers.isdisjoint(element.values()) else {"an original ID"}
        if element.vr in _TIMES:
            return self._in_time(element)
        if element.vr in TEXT:
            return self._in_text(element.text(), _NAME_LETTERS, _terms(element))
        text = element.value.decode("ascii", "replace").strip(" \0")
        printable = text.isascii() and text.isprintable()
        return self._in_text(text, _NAME_LETTERS if printable else _NAME_LETTERS_BINARY)

    def _in_uid(self, value: str) -> set[str]:
        if not value or value in self._pseudonyms or value.startswith(STANDARD_UIDS):
            return set()
        if value in self._own.uids:
            return {"an original UID"}
        return {"an original ID"} if any(each in value for each in self._own.long_ids) else set()

    def _in_time(self, element: Element) -> set[str]:
        found = set() if self._own.long_ids.isdisjoint(element.values()) else {"an original ID"}
        days = {value[:8] for value in element.values()} if "Birth" in element.path else set()
        if any(day in self._own.birth_dates and not day.endswith(_YEAR_ONLY) for day in days):
            found.add("the birth date")
        return found

    def _searched(self, text: str, words: int, terms: Set[str] = frozenset()) -> Set[str]:
        found = set()
        folded = fold(text)
        if any(each in folded for each in self._own.long_ids) or folded in self._own.short_ids:
            found.add("an original ID")
        if any(value.strip() in self._own.short_ids for value in folded.split("\\")):
            found.add("an original ID")
        if any(day in text or f"{day[:4]}-{day[4:6]}-{day[6:]}" in text for day in self._own.birth_dates):
            found.add("the birth date")
        if self._holds_uid(text):
            found.add("an original UID")
        if folded not in self._constants:
            tokens = {
                word
                for word in _WORD.findall(folded)
                if len(word) >= words or (words < _NO_NAME and not word.isascii())
            }
            suspects = tokens & self._own.names - terms
            if any(not stands_as_word(name, folded, self._own.names) for name in suspects):
                found.add("a part of the name")
        return found

    def _holds_uid(self, text: str) -> bool:
        tokens = {token for token in _UID.findall(text) if token not in self._pseudonyms}
        if tokens & self._own.uids:
            return True
        suspects = {token for token in tokens if not token.startswith((STANDARD_UIDS, "2.25."))}
        return any(uid in token for token in suspects for uid in self._own.uids)


def _terms(element: Element) -> Set[str]:
    """Words that the standard puts into an attribute, so that there they name nobody."""
    if element.vr == "CS":
        return CODE_WORDS
    path = element.path
    is_method = path == "DeidentificationMethod" or path.startswith("DeidentificationMethodCodeSequence[")
    return METHOD_WORDS if is_method else frozenset()


def _name_parts(name: str) -> Iterator[str]:
    for group in name.split("="):
        for component in group.split("^")[:3]:
            for spelling in (component, component.casefold().translate(_UMLAUTS)):
                for word in _WORD.findall(fold(spelling)):
                    if len(word) >= _NAME_LETTERS or (len(word) >= 2 and not word.isascii()):
                        yield word
