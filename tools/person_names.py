"""Make ``person_names.txt`` and ``technical_words.txt`` of the profile.

    python tools/person_names.py CENSUS include/pacs2trial/profile/data

``CENSUS`` is a folder with the files dist.all.last, dist.female.first and dist.male.first of the United States Census
Bureau (Genealogy Data, Frequently Occurring Surnames and First Names from the Census of 1990), which are in the public
domain. Technical words are those in the names of attributes (PS3.6) and in the meanings of standard codes (PS3.16), as
pydicom carries them. A name that is a technical word as well is no name here, unless it is among the commonest.
"""

from __future__ import annotations

import calendar
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydicom._dicom_dict import DicomDictionary
from pydicom.sr._concepts_dict import concepts

_WORD = re.compile(r"[^\W\d_]{3,}")
_COMMONEST = {"dist.all.last": 400, "dist.female.first": 200, "dist.male.first": 200}
_KNOWN = ("safe_tokens.txt", "everyday_words.txt", "makers.txt")
_WIDTH = 118

_NAMES_HEAD = """\
# First and family names: United States Census Bureau, Frequently Occurring Surnames and First Names, Census of 1990
# (public domain), less the words of the other lists. Made by tools/person_names.py.
"""
_WORDS_HEAD = """\
# Words of the names of attributes (PS3.6) and of the meanings of standard codes (PS3.16) that no other list has. Terms
# are reproduced as factual interoperability data. Made by tools/person_names.py.
"""


def words_of(texts: Iterable[str]) -> set[str]:
    """The words of three letters and more, folded."""
    return {word.casefold() for text in texts for word in _WORD.findall(text)}


def meanings() -> Iterator[str]:
    """What the standard codes that pydicom knows mean."""
    for scheme in concepts.values():
        for codes in scheme.values():
            yield from (entry[0] for entry in codes.values())


def listed(path: Path) -> set[str]:
    """The words of a list beside the new ones."""
    lines = path.read_text("utf-8").splitlines()
    return {word.casefold() for line in lines if not line.startswith("#") for word in line.split()}


def names_of(census: Path, technical: set[str], attributes: set[str]) -> set[str]:
    """All names of three letters and more that are no technical words, and the commonest whatever they are."""
    found: set[str] = set()
    for name, commonest in _COMMONEST.items():
        ranked = [
            line.split()[0].casefold() for line in (census / name).read_text("ascii").splitlines() if line.strip()
        ]
        found.update(set(ranked[:commonest]) - attributes)
        found.update(set(ranked) - technical - attributes)
    return {word for word in found if len(word) > 2}


def text_of(head: str, words: set[str]) -> str:
    """A list as it is kept: sorted, many words a line."""
    lines = [""]
    for word in sorted(words):
        if len(lines[-1]) + len(word) >= _WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return head + "\n".join(lines) + "\n"


def main(census: Path, data: Path) -> None:
    """Write both lists."""
    attributes = words_of([*(name for _, _, name, _, _ in DicomDictionary.values()), *calendar.month_name])
    technical = words_of(meanings())
    known = set().union(*(listed(data / name) for name in _KNOWN))
    names = names_of(census, technical, attributes) - known
    (data / "person_names.txt").write_text(text_of(_NAMES_HEAD, names), "utf-8")
    words = (technical | attributes) - known - names
    (data / "technical_words.txt").write_text(text_of(_WORDS_HEAD, words), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
