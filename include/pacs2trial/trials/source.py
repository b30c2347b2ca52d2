"""A YAML text as plain values that still know their lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Location = tuple[str | int, ...]
"""The way to a value: field names and positions in lists."""


@dataclass(frozen=True)
class Source:
    """The content of a definition file, and the line (from 1) on which each field stands."""

    file: str
    content: Mapping[str, Any]
    lines: Mapping[Location, int]

    def line(self, location: Location) -> int:
        """The line of ``location``, or of the nearest part around it that is written in the file."""
        while location not in self.lines and location:
            location = location[:-1]
        return self.lines.get(location, 1)

    def value(self, location: Location) -> Any:
        """What stands at ``location``; None where the file says nothing."""
        value: Any = self.content
        for step in location:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def place(self, location: Location) -> str:
        """How a message names ``location``: ``demo.yaml line 12, profile.options[1]``."""
        return f"{self.file} line {self.line(location)}, {field_path(location)}"


class Origin:
    """Where a definition was read from. It is no part of what the definition says: equal ones stay equal."""

    def __init__(self, source: Source | None = None) -> None:
        self._source = source

    def place(self, location: Location) -> str:
        """How a message names ``location``; without a file, by the field alone."""
        return self._source.place(location) if self._source else field_path(location)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin)

    def __hash__(self) -> int:
        return hash(Origin)


def field_path(location: Location) -> str:
    """``("profile", "options", 1)`` as ``profile.options[1]``."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


class _PlainLoader(yaml.SafeLoader):
    """Plain values only, each written out: an alias could repeat a part without end."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            problem = "aliases (*name) are not used in definitions"
            event: Any = self.get_event()  # type: ignore[no-untyped-call]  # the stubs leave it untyped
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


def read_source(file: str, text: str) -> tuple[Source | None, list[str]]:
    """Read ``text`` safely (no YAML tag makes anything but plain values).

    Returns:
        The source, or None when the text is no mapping, and the problems: what YAML allows and a definition does
        not, such as the same field twice.

    Raises:
        yaml.YAMLError: the text is no YAML.
        ValueError: a date that does not exist.
    """
    loader = _PlainLoader(text)
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            return None, [f"{file} line 1: expected a trial definition that begins with 'trial: <ID>'"]
        lines: dict[Location, int] = {}
        problems: list[str] = []
        _walk(root, (), file, lines, problems)
        return Source(file, loader.construct_document(root), lines), problems
    finally:
        loader.dispose()


def _walk(node: yaml.Node, location: Location, file: str, lines: dict[Location, int], problems: list[str]) -> None:
    lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = str(key.value)
            inner = (*location, name)
            if name in seen:
                problems.append(
                    f"{file} line {line}, {field_path(inner)}: written before on line {seen[name]}; keep one"
                )
            seen.setdefault(name, line)
            lines[inner] = line
            _walk(value, inner, file, lines, problems)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*location, index), file, lines, problems)
