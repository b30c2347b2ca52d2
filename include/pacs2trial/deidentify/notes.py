"""What a walk carries along, for the operations that it calls: what is in force, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

from pacs2trial.deidentify.compiled import Gathered, Verdict
from pacs2trial.deidentify.judge import Judge
from pacs2trial.deidentify.pieces import Piece, Uids
from pacs2trial.vault.pseudonyms import Original

NO_NUMBER: Final = (0, b"")

State = tuple[bytes, tuple[int, bytes], bytes]
"""What one element leaves in force for those behind it: character set, number of the item, coding scheme."""

TextValue = tuple[str, bytes, bytes]
"""Keyword of the attribute, character set, value as encoded less padding."""


class Notes:
    """The state of one walk.

    Attributes:
        charset: Specific Character Set in force.
        level: how many sequences deep the walk is.
        texts: what the judge said of text values in the character set in force.
        coded, numbers: the same for coded strings, and for short decimal and integer strings.
        blobs: the same for values of private attributes that are no text.
        structural: UIDs of classes, schemes and templates that are not DICOM's own.
        blocked: such UIDs that an earlier walk of the same object has found to be UIDs of instances as well.
        harvest: kind, character set, value of what identifies the patient or staff.
        uids, originals: what must be asked of the vault.
        mapped: the pieces made for UIDs, by attribute and value as encoded; many refer to the same instance.
        top: values of the outermost level, as they came or as they go, that the engine needs.
        foreign: what the object brought for attributes that the plan writes.
        days: whole days by which dates move.
        item_number: attribute and value of the last number of the item that is walked, which its name may be made from.
        scheme: the last coding scheme of the item that is walked.
        names_persons: its codes identify persons.
        unknown_names: names that the trial must know before they leave.
        passed: texts that leave as they are or in part, with how often.
        judge: who says whether values may stay.
    """

    def __init__(
        self,
        judge: Judge,
        *,
        days: int = 0,
        blocked: Collection[bytes] = (),
    ) -> None:
        self.days = days
        self.blocked = blocked
        self.charset = b""
        self.level = 0
        self.texts: dict[bytes, Verdict] = {}
        self.coded: dict[bytes, Verdict] = {}
        self.numbers: dict[bytes, Verdict] = {}
        self.blobs: dict[bytes, bool] = {}
        self.structural: dict[bytes, None] = {}
        self.harvest: dict[Gathered, None] = {}
        self.uids: dict[bytes, None] = {}
        self.mapped: dict[tuple[int, bytes], Uids] = {}
        self.originals: dict[Original, None] = {}
        self.top: dict[int, bytes] = {}
        self.foreign: dict[int, bytes] = {}
        self.foreign_items: list[list[Piece]] = []
        self.counts: dict[str, int] = {}
        self.elements = 0
        self.item_number: tuple[int, bytes] = NO_NUMBER
        self.scheme = b""
        self.names_persons = False
        self.unknown_names: list[TextValue] = []
        self.passed: Counter[TextValue] = Counter()
        self.judge = judge
        self._texts: dict[bytes, dict[bytes, Verdict]] = {b"": self.texts}
        self._taken_over: list[Notes] = []

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def use_charset(self, charset: bytes) -> None:
        """From here on text is in this character set."""
        self.charset = charset
        self.texts = self._texts.setdefault(charset, {})

    @property
    def state(self) -> State:
        return self.charset, self.item_number, self.scheme

    def enter(self, state: State) -> None:
        """Go on from what elements before have left in force."""
        charset, self.item_number, self.scheme = state
        if charset != self.charset:
            self.use_charset(charset)

    def take_over(self, other: Notes) -> None:
        """Note what a walk of the elements that come next has noted, which began with the :attr:`state` of this one."""
        self.enter(other.state)
        self._taken_over.append(other)
        self.elements += other.elements
        for what, number in other.counts.items():
            self.counts[what] = self.counts.get(what, 0) + number
        for text, times in other.passed.items():
            self.passed[text] += times
        self.structural.update(other.structural)
        self.harvest.update(other.harvest)
        self.uids.update(other.uids)
        self.originals.update(other.originals)
        self.top.update(other.top)
        self.foreign.update(other.foreign)
        self.foreign_items = other.foreign_items or self.foreign_items
        self.unknown_names += other.unknown_names

    def judge_text(self, value: bytes) -> Verdict:
        verdict = self.texts[value] = self.judge.text(self.charset, value)
        return verdict

    def judge_coded(self, value: bytes) -> Verdict:
        verdict = self.coded[value] = self.judge.coded(value)
        return verdict

    def judge_number(self, value: bytes) -> Verdict:
        verdict = self.numbers[value] = self.judge.number(value)
        return verdict

    def judge_blob(self, value: bytes) -> bool:
        verdict = self.blobs[value] = self.judge.blob(value)
        return verdict

    def agrees_with(self, judge: Judge) -> bool:
        """Whether ``judge`` would have said the same of everything that this walk has asked."""
        if judge is self.judge:
            return True
        return (
            all(
                judge.text(charset, value) == said
                for charset, texts in self._texts.items()
                for value, said in texts.items()
            )
            and all(judge.coded(value) == said for value, said in self.coded.items())
            and all(judge.number(value) == said for value, said in self.numbers.items())
            and all(judge.blob(value) == said for value, said in self.blobs.items())
            and all(other.agrees_with(judge) for other in self._taken_over)
        )
