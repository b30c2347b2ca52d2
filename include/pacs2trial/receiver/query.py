"""C-FIND on what is held (PS3.4 C.4.1): read-only, one scope an association."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from pydicom.dataset import Dataset
from pynetdicom import evt

from pacs2trial.errors import InputError, TransientError
from pacs2trial.holdings.levels import UNIQUE_KEYS, Level
from pacs2trial.holdings.matching import texts
from pacs2trial.holdings.search import search
from pacs2trial.holdings.view import View

log = logging.getLogger(__name__)

PENDING: Final = 0xFF00
CANCELLED: Final = 0xFE00
OUT_OF_RESOURCES: Final = 0xA700
DOES_NOT_MATCH: Final = 0xA900
UNABLE_TO_PROCESS: Final = 0xC000

PATIENT_ROOT: Final = "1.2.840.10008.5.1.4.1.2.1."
"""What the SOP classes of the Patient Root Query/Retrieve Information Model begin with."""


class IdentifierError(InputError):
    """The identifier does not fit the information model: status 0xA900."""


def level_asked(event: evt.Event, identifier: Dataset, *, retrieve: bool = False) -> Level:
    """The Query/Retrieve Level, once the identifier is seen to fit it.

    Raises:
        IdentifierError: no such level in the model, or a unique key above it is missing; for ``retrieve`` its own too.
    """
    named = next(iter(texts(identifier, "QueryRetrieveLevel")), "").strip()
    patient_root = str(event.context.abstract_syntax).startswith(PATIENT_ROOT)
    known = [level for level in Level if patient_root or level is not Level.PATIENT]
    if named not in {level.name for level in known}:
        raise IdentifierError(f"Query/Retrieve Level is not one of {', '.join(level.name for level in known)}")
    level = Level[named]
    for needed in known[: known.index(level) + retrieve]:
        values = texts(identifier, UNIQUE_KEYS[needed])
        if not values or any(sign in value for value in values for sign in "*?"):
            raise IdentifierError(f"{named} level without the unique key {UNIQUE_KEYS[needed]}")
    return level


def identifier_of(event: evt.Event) -> Dataset:
    """The identifier of a request.

    Raises:
        IdentifierError: it cannot be decoded.
    """
    try:
        identifier = event.identifier
        for _ in identifier.iterall():
            pass
    except Exception:  # noqa: BLE001 - whatever pydicom meets in it, and it quotes values
        raise IdentifierError("the identifier cannot be decoded") from None
    return identifier


def find(view: View, event: evt.Event, called: str) -> Iterator[tuple[int, Dataset | None]]:
    """Answer one C-FIND: a status and an identifier for each match, or the status that ends it.

    Args:
        view: what the association shows.
        event: the request.
        called: AE title from which the answers may be retrieved.
    """
    try:
        identifier = identifier_of(event)
        level = level_asked(event, identifier)
        for answer in search(view, level, identifier):
            if event.is_cancelled:
                yield CANCELLED, None
                return
            answer.QueryRetrieveLevel = level.name
            answer.RetrieveAETitle = called
            if "InstanceAvailability" in identifier:
                answer.InstanceAvailability = "ONLINE"
            yield PENDING, answer
    except IdentifierError as error:
        log.warning("C-FIND refused with 0xA900: %s", error)
        yield DOES_NOT_MATCH, None
    except TransientError as error:
        log.warning("C-FIND ended with 0xA700: %s", error)
        yield OUT_OF_RESOURCES, None
    except Exception as error:  # noqa: BLE001 - the other side must hear that the list is not whole
        log.error("C-FIND ended with 0xC000: %s", type(error).__name__)  # noqa: TRY400 - a traceback quotes values
        yield UNABLE_TO_PROCESS, None
