"""Where in a data set a path such as ``BeamSequence > * > CodeMeaning`` stands, while sequences are entered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pacs2trial.trials.attributes import ANY_DEPTH, Named, Step

Path = tuple[Step, ...]

State = frozenset[tuple[int, int]]
"""How far paths have come at one level: (number of the path, how many of its steps are behind)."""

START: State = frozenset()
"""No path is under way. Every path may begin at every level, which is not said."""


def ends_in(number: int, path: Path, state: State) -> bool:
    """Whether only the attribute itself is left of a path."""
    return len(path) == 1 or (number, len(path) - 1) in state


def step(tag: int, state: State, paths: Mapping[int, Path]) -> State:
    """How far the paths have come in the items of the sequence ``tag``."""
    after: set[tuple[int, int]] = set()
    for number, place in {*state, *((number, 0) for number in paths)}:
        here = paths[number][place]
        if here == ANY_DEPTH:
            after.add((number, place))
        elif isinstance(here, Named) and place < len(paths[number]) - 1 and here.matches(tag):
            after.add((number, place + 1))
    return _with_no_depth(after, paths)


def _with_no_depth(state: Iterable[tuple[int, int]], paths: Mapping[int, Path]) -> State:
    """``*`` stands for no sequence, too."""
    found = set(state)
    for number, place in state:
        if paths[number][place] == ANY_DEPTH:
            found.add((number, place + 1))
    return frozenset(found)


def is_within(path: Path, sequences: Iterable[int]) -> bool:
    """Whether a path leads nowhere but into items of one of these sequences."""
    before = path[-2] if len(path) > 1 else ANY_DEPTH
    return isinstance(before, Named) and before.is_one and any(before.matches(tag) for tag in sequences)


def may_be_within(path: Path, sequences: Iterable[int]) -> bool:
    """Whether a path may lead into items of one of these sequences."""
    before = path[-2] if len(path) > 1 else ANY_DEPTH
    return not isinstance(before, Named) or any(before.matches(tag) for tag in sequences)


def covers(general: Path, special: Path) -> bool:
    """Whether ``general`` leads everywhere that ``special`` does, their last steps apart."""
    return _covers(general[:-1], special[:-1])


def _covers(general: Path, special: Path) -> bool:
    if not general:
        return True
    if not special:
        return False
    last, other = general[-1], special[-1]
    if isinstance(last, str):
        return _covers(general[:-1], special) or _covers(general, special[:-1])
    if isinstance(other, str):
        return False
    return last.covers(other) and _covers(general[:-1], special[:-1])
