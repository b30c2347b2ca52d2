"""The graph of references between the series of a subject as a trial would get them, laid out for drawing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset

WIDTH: Final = 190
HEIGHT: Final = 44
GAP_X: Final = 110
GAP_Y: Final = 22

_COLUMNS: Final[Mapping[str, int]] = {
    "RTDOSE": 0,
    "RTRECORD": 0,
    "RTIMAGE": 0,
    "SR": 0,
    "KO": 0,
    "PR": 0,
    "RTPLAN": 1,
    "PLAN": 1,
    "REG": 1,
    "RTSTRUCT": 2,
    "SEG": 2,
}
"""Who refers stands left of what is referred to; images stand rightmost."""

_OF_IMAGES: Final = 3
_REFERS: Final = "ReferencedSOPInstanceUID"
_MANAGEMENT: Final = "1.2.840.10008.3.1.2."
"""Classes of patients, visits, studies and procedure steps (PS3.6 A): no objects that could come along."""


@dataclass(frozen=True)
class Known:
    """One object that the trial gets, by its UIDs there."""

    sop_instance: str
    series: str
    study: str
    modality: str


@dataclass
class Node:
    """A series, or what is referred to and not there: ``missing`` says why."""

    key: str
    label: str
    detail: str
    column: int
    missing: str = ""
    x: int = 0
    y: int = 0


@dataclass(frozen=True)
class Edge:
    """References from one node to another: how many objects are named."""

    source: Node
    target: Node
    number: int

    @property
    def broken(self) -> bool:
        return bool(self.target.missing)


@dataclass
class Graph:
    """Nodes with their places and the edges between them."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    @property
    def width(self) -> int:
        return max((node.x + WIDTH for node in self.nodes), default=0) + 2

    @property
    def height(self) -> int:
        return max((node.y + HEIGHT for node in self.nodes), default=0) + 2

    @property
    def broken(self) -> int:
        """How many edges lead to nothing that the trial gets."""
        return sum(edge.broken for edge in self.edges)


def references(dataset: Dataset) -> set[str]:
    """The SOP Instance UIDs that an object names in its sequences, at any depth."""
    return set(_references(dataset, within=False))


def link_graph(known: Sequence[Known], named: Mapping[str, set[str]], elsewhere: Mapping[str, str]) -> Graph:
    """Lay out the graph.

    Args:
        known: every object of the subject that the trial gets.
        named: for each object that refers, by SOP Instance UID, the SOP Instance UIDs that it names.
        elsewhere: why an object that is named and not among ``known`` is not there; absent from it: it never came.
    """
    series_of = {one.sop_instance: one for one in known}
    studies = {one.study for one in known}
    counts = Counter((one.series, one.modality) for one in known)
    nodes = {series: _node(series, modality, number) for (series, modality), number in counts.items()}
    edges: Counter[tuple[str, str]] = Counter()
    for source, targets in named.items():
        own = series_of[source].series
        for target in targets - studies:  # RT objects name studies by the same attribute (PS3.3 C.8.8.5)
            there = series_of.get(target)
            why = "" if there else elsewhere.get(target, "never came")
            key = there.series if there else f"missing: {why}"
            if key not in nodes:
                nodes[key] = Node(key, "not with the trial", why, _OF_IMAGES, missing=why)
            if key != own:
                edges[own, key] += 1
    graph = Graph(list(nodes.values()), [Edge(nodes[a], nodes[b], number) for (a, b), number in sorted(edges.items())])
    _place(graph)
    return graph


def _node(series: str, modality: str, number: int) -> Node:
    detail = f"{number} object{'' if number == 1 else 's'}, series …{series[-6:]}"
    return Node(series, modality or "other", detail, _COLUMNS.get(modality, _OF_IMAGES))


def _place(graph: Graph) -> None:
    used = sorted({node.column for node in graph.nodes})
    for place, column in enumerate(used):
        inside = [node for node in graph.nodes if node.column == column]
        for row, node in enumerate(sorted(inside, key=lambda one: (one.missing, one.label, one.key))):
            node.x = 1 + place * (WIDTH + GAP_X)
            node.y = 1 + row * (HEIGHT + GAP_Y) + place % 2 * (HEIGHT + GAP_Y) // 2


def _references(dataset: Dataset, *, within: bool) -> Iterator[str]:
    if str(dataset.get("ReferencedSOPClassUID") or "").startswith(_MANAGEMENT):
        return
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value or ():
                yield from _references(item, within=True)
        elif within and element.VR == "UI" and keyword_for_tag(element.tag) == _REFERS and element.value:
            yield str(element.value)
