"""The query/retrieve side of the node: which associations are of it, what they may ask, and who answers.

An association is of it when it calls STAGING or a trial, by an AE title that the site's file lets see that (PS3.8
9.3.2). Every other association is one of C-STORE and knows nothing of query/retrieve.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, Final

from pynetdicom import (
    ALL_TRANSFER_SYNTAXES,
    AllStoragePresentationContexts,
    VerificationPresentationContexts,
    evt,
)
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_MOVE
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.presentation import PresentationContext, build_context

from pacs2trial.holdings.view import View, Views
from pacs2trial.receiver import query, retrieving
from pacs2trial.receiver.query_access import QueryAccess, query_access
from pacs2trial.workspace import Workspace

log = logging.getLogger(__name__)

MODELS: Final = tuple(f"1.2.840.10008.5.1.4.1.2.{root}.{verb}" for root in (1, 2) for verb in (1, 2, 3))
"""Patient Root and Study Root, each FIND, MOVE, GET (PS3.4 C.3)."""

_SYNTAXES: Final = (
    *retrieving.NATIVE,
    *(syntax for syntax in ALL_TRANSFER_SYNTAXES if syntax not in retrieving.NATIVE),
)


class QueryRetrieve:
    """Answers C-FIND, C-MOVE and C-GET on an application entity of pynetdicom.

    Args:
        ws: the site.
        access: who may see what; by default what the settings say.

    Raises:
        InputError: the file that the settings name is absent or wrong.
    """

    def __init__(self, ws: Workspace, access: QueryAccess | None = None) -> None:
        self.access = query_access(ws.settings) if access is None else access
        self._views = Views(ws)

    def admits(self, calling: str, called: str) -> bool:
        """Whether an association is of query/retrieve; titles as the A-ASSOCIATE request has them."""
        return self.access.scope(calling=calling.strip(), called=called.strip()) is not None

    def handlers(self) -> list[tuple[Any, Callable[[evt.Event], Any]]]:
        """Event handlers for a server; those of C-ECHO and C-STORE are the receiver's own."""
        return [
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_C_GET, self._get),
            (evt.EVT_C_MOVE, self._move),
        ]

    def _requested(self, event: evt.Event) -> None:
        """Make the acceptor the entity that was called, with the services of query/retrieve alone."""
        request = event.assoc.requestor.primitive
        assert isinstance(request, A_ASSOCIATE)
        calling, called = str(request.calling_ae_title).strip(), str(request.called_ae_title).strip()
        if self.admits(calling, called):
            event.assoc.acceptor.ae_title = called
            event.assoc.acceptor.supported_contexts = _contexts(event.assoc)

    def _find(self, event: evt.Event) -> Iterator[Any]:
        calling, called = _titles(event.assoc)
        yield from query.find(self._view(calling, called), event, called)

    def _get(self, event: evt.Event) -> Iterator[Any]:
        calling, called = _titles(event.assoc)
        yield from retrieving.get(self._view(calling, called), event, calling)

    def _move(self, event: evt.Event) -> Iterator[Any]:
        calling, called = _titles(event.assoc)
        assert isinstance(event.request, C_MOVE)
        destination = self.access.destination(str(event.request.MoveDestination or "").strip())
        yield from retrieving.move(self._view(calling, called), event, calling, destination)

    def _view(self, calling: str, called: str) -> View:
        scope = self.access.scope(calling=calling, called=called)
        if scope is None:
            raise PermissionError(f"{calling} may not see {called}")
        return self._views.of(scope)


def _titles(association: Association) -> tuple[str, str]:
    return str(association.requestor.ae_title).strip(), str(association.acceptor.ae_title).strip()


def _contexts(association: Association) -> list[PresentationContext]:
    """Query/retrieve; and storage where the other side offers to be the one that stores, as C-GET needs it."""
    offered = {uid for uid, role in association.requestor.role_selection.items() if role.scp_role}
    contexts = [*VerificationPresentationContexts, *(build_context(model) for model in MODELS)]
    for storage in AllStoragePresentationContexts:
        if storage.abstract_syntax in offered:
            context = build_context(storage.abstract_syntax, list(_SYNTAXES))
            context.scu_role, context.scp_role = False, True
            contexts.append(context)
    return contexts
