"""C-MOVE and C-GET of what is held (PS3.4 C.4.2, C.4.3): every object as its scope has it, in the syntax it is kept in.

What cannot be made or is not taken counts as a failed sub-operation, and the end is then 0xB000 or 0xA702, never
Success.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context, evt
from pynetdicom.dimse_primitives import C_MOVE
from pynetdicom.presentation import PresentationContext

from pacs2trial.errors import Pacs2TrialError, TransientError
from pacs2trial.holdings.ledger import Content
from pacs2trial.holdings.levels import UNIQUE_KEYS
from pacs2trial.holdings.search import contents
from pacs2trial.holdings.view import View
from pacs2trial.network.association import send_at_once
from pacs2trial.network.standstill import keep_answers
from pacs2trial.network.storage_contexts import MOST_CONTEXTS
from pacs2trial.receiver.query import (
    CANCELLED,
    DOES_NOT_MATCH,
    PENDING,
    UNABLE_TO_PROCESS,
    IdentifierError,
    identifier_of,
    level_asked,
)

log = logging.getLogger(__name__)

CANNOT_COUNT: Final = 0xA701
NATIVE: Final = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)

Yielded = tuple[int, Dataset | None]
Destination = tuple[Any, ...]


def get(view: View, event: evt.Event, calling: str) -> Iterator[int | Yielded]:
    """Answer one C-GET: the number of sub-operations, then a status and an object for each."""
    try:
        found = _found(view, event)
    except Exception as error:  # noqa: BLE001 - the other side must hear of it
        yield 1
        yield _refusal("C-GET", error), None
        return
    _record(view, "C-GET", calling, calling, len(found))
    yield len(found)
    yield from _objects(view, found, event)


def move(
    view: View, event: evt.Event, calling: str, destination: tuple[str, int] | None
) -> Iterator[int | Yielded | Destination]:
    """Answer one C-MOVE: where to, the number of sub-operations, then a status and an object for each.

    Args:
        view: what the association shows.
        event: the request.
        calling: who asks.
        destination: host and port; None where the destination is unknown here.
    """
    request = event.request
    assert isinstance(request, C_MOVE)
    title = str(request.MoveDestination or "").strip()
    if destination is None:
        log.warning("C-MOVE of %s by %s refused with 0xA801: %s is no destination", view.scope, calling, title)
        yield None, None
        return
    try:
        found = _found(view, event)
        contexts = _contexts(view, found)
    except Exception as error:  # noqa: BLE001 - the other side must hear of it
        _refusal("C-MOVE", error)
        raise _RefusedError from None  # before there is a destination pynetdicom knows one answer: 0xC514
    _record(view, "C-MOVE", calling, title, len(found))
    handlers = [
        (evt.EVT_CONN_OPEN, send_at_once),
        (evt.EVT_ESTABLISHED, _prepared(calling)),
    ]
    yield (*destination, {"ae_title": title, "contexts": contexts, "evt_handlers": handlers})
    yield len(found)
    yield from _objects(view, found, event)


class _RefusedError(Exception):
    """Nothing is sent; the status is 0xC514, unable to process."""


def _found(view: View, event: evt.Event) -> list[Content]:
    """What the unique keys down to the level name; other keys have no meaning in a retrieval (PS3.4 C.4.2.2.1)."""
    identifier = identifier_of(event)
    asked = level_asked(event, identifier, retrieve=True)
    named = Dataset()
    for level, keyword in UNIQUE_KEYS.items():
        if level <= asked and keyword in identifier:
            named[keyword] = identifier[keyword]
    return contents(view, named)


def _objects(view: View, found: Sequence[Content], event: evt.Event) -> Iterator[Yielded]:
    for content in found:
        if event.is_cancelled:
            yield CANCELLED, None
            return
        yield PENDING, _object(view, content)


def _object(view: View, content: Content) -> Dataset:
    """The object, or of one that cannot be had its UID alone, which no association carries."""
    try:
        return view.object_of(content).dataset()
    except Pacs2TrialError as error:
        log.warning("an object of %s cannot be sent: %s", view.scope, error)
    except Exception as error:  # noqa: BLE001 - one object that cannot be had must not end the others
        log.error("an object of %s cannot be sent: %s", view.scope, type(error).__name__)  # noqa: TRY400 - quotes values
    uid = content.chosen.sop_instance
    absent = Dataset()
    absent.SOPInstanceUID = view.shown([uid])[uid]
    return absent


def _contexts(view: View, found: Iterable[Content]) -> list[PresentationContext]:
    """A context for every SOP class with every syntax in which one of its objects is kept.

    Objects that are not compressed go in explicit VR, as they are, or in implicit VR, which every node takes (PS3.5
    10.1).
    """
    kinds = {(content.sop_class, _syntax(view, content)) for content in found}
    compressed = sorted(kind for kind in kinds if kind[1] not in NATIVE)
    classes = sorted({sop_class for sop_class, syntax in kinds if syntax in NATIVE})
    apart = len(compressed) + 2 * len(classes) <= MOST_CONTEXTS
    native = [[syntax] for syntax in NATIVE] if apart else [list(NATIVE)]
    contexts = [build_context(sop_class, list(syntaxes)) for sop_class in classes for syntaxes in native]
    return [*contexts, *(build_context(*kind) for kind in compressed)][:MOST_CONTEXTS]


def _syntax(view: View, content: Content) -> str:
    try:
        path = view.ws.settings.staging / content.chosen.path
        return str(pydicom.filereader.read_file_meta_info(path).TransferSyntaxUID)
    except (OSError, AttributeError, pydicom.errors.InvalidDicomError):
        return str(ExplicitVRLittleEndian)


def _prepared(calling: str) -> Callable[[evt.Event], None]:
    """Make a new association keep all answers, and name in each C-STORE who asked for the C-MOVE (PS3.7 9.1.1.1.7)."""

    def prepare(event: evt.Event) -> None:
        association = event.assoc
        keep_answers(association)
        send = association.send_c_store

        def send_for_caller(*args: Any, **named: Any) -> Dataset:
            return send(*args, **{**named, "originator_aet": calling})

        association.send_c_store = send_for_caller  # type: ignore[method-assign]  # pynetdicom names itself there

    return prepare


def _record(view: View, verb: str, calling: str, target: str, number: int) -> None:
    view.ws.vault.audit.record(verb, actor=f"AE {calling}", trial=view.scope, target=target, instances=number)


def _refusal(verb: str, error: Exception) -> int:
    if isinstance(error, IdentifierError):
        log.warning("%s refused: %s", verb, error)
        return DOES_NOT_MATCH
    if isinstance(error, TransientError):
        log.warning("%s refused: %s", verb, error)
        return CANNOT_COUNT
    log.error("%s refused: %s", verb, type(error).__name__)
    return UNABLE_TO_PROCESS
