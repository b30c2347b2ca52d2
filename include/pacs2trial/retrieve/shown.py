"""What a PACS shows at this moment of instances that the ledger knows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import groupby
from typing import Protocol, TypeVar

from pacs2trial.connections import Connections
from pacs2trial.errors import InputError
from pacs2trial.network.archive import archive
from pacs2trial.network.results import SeriesFound
from pacs2trial.network.webpeer import Node, node
from pacs2trial.settings import Settings
from pacs2trial.staging.balance import ANNOUNCED
from pacs2trial.staging.ledger import PULLED
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Kind


class Located(Protocol):
    """An instance by its staging pseudonyms, and where it came from."""

    @property
    def study(self) -> str: ...
    @property
    def series(self) -> str: ...
    @property
    def sop_instance(self) -> str: ...
    @property
    def source(self) -> str: ...


Placed = TypeVar("Placed", bound=Located)


def shown(vault: Vault, source: Node, instances: Collection[Located], *, caller: str, purpose: str) -> set[str]:
    """Those of ``instances`` that the PACS shows under the study and series of the ledger, by staging SOP Instance UID.

    Args:
        vault: where the original UIDs are; their use is recorded under ``caller`` and ``purpose``.
        source: the PACS.
        instances: whom to look for.
        caller: what asks.
        purpose: why.

    Raises:
        TransientError: the PACS could not be reached or failed; nothing is known then.
        PermanentError: it refuses us.
    """
    if not instances:
        return set()
    pseudos = {uid for one in instances for uid in (one.study, one.series, one.sop_instance)}
    original = vault.pseudonyms(STAGING).originals_of(Kind.UID, pseudos, caller=caller, purpose=purpose)

    def series_of(one: Located) -> tuple[str, str]:
        return one.study, one.series

    found: set[str] = set()
    with archive(source) as pacs:
        for (study, series), group in groupby(sorted(instances, key=series_of), key=series_of):
            if study in original and series in original:
                asked = SeriesFound(original[study], original[series], "")
                held = {one.sop_instance for one in pacs.instances(asked)}
                found |= {one.sop_instance for one in group if original.get(one.sop_instance) in held}
    return found


def home_of(source: str, connections: Connections, settings: Settings, otherwise: str, way: str = "") -> Node:
    """The PACS to which an instance belongs by its source in the ledger.

    Args:
        source: ``pacs:<connection>`` or ``pull:<connection>``; whatever else came unasked, by push or from a file.
        connections: the site's.
        settings: the site's.
        otherwise: the connection of what came unasked, and of what came over a connection that is no more.
        way: how it will be asked to send; as :func:`pacs2trial.network.webpeer.node`.

    Raises:
        InputError: ``otherwise`` is needed and is unknown or incomplete.
    """
    for prefix in (ANNOUNCED, PULLED):
        if source.startswith(prefix):
            try:
                return node(connections, source.removeprefix(prefix), settings, way=way)
            except InputError:
                break
    return node(connections, otherwise, settings, way=way)


def by_home(
    instances: Iterable[Placed], connections: Connections, settings: Settings, otherwise: str, way: str = ""
) -> list[tuple[Node, list[Placed]]]:
    """Instances gathered by their PACS, ordered by the name of its connection; see :func:`home_of`."""
    homes: dict[str, Node] = {}
    gathered: dict[str, tuple[Node, list[Placed]]] = {}
    for instance in instances:
        if instance.source not in homes:
            homes[instance.source] = home_of(instance.source, connections, settings, otherwise, way)
        home = homes[instance.source]
        gathered.setdefault(home.name, (home, []))[1].append(instance)
    return [gathered[name] for name in sorted(gathered)]
