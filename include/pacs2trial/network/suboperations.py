"""The responses of C-MOVE and C-GET, and the ways in which PACS deviate from PS3.4 C.4.2 and C.4.3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom.association import Association

from pacs2trial.errors import TransientError
from pacs2trial.network.association import ended
from pacs2trial.network.peer import Peer
from pacs2trial.network.results import SubOperations
from pacs2trial.network.status import RETRIEVE, Outcome, failure, look_up

LIST_LENGTH = 100
"""SOP Instance UIDs asked for in one identifier: list matching (PS3.4 C.2.2.2.2) has no limit, some PACS do."""


MESSAGE_ID = 1
"""Message ID (0000,0110) of the one request on an association, which C-CANCEL names."""

_LOOK_S = 0.2
_GRACE_S = 2.0
"""Until an ignored C-CANCEL becomes an abort; Airflow kills a task 5 s after it asked it to end."""


def never() -> bool:
    """The default for ``cancelled``."""
    return False


def follow(
    peer: Peer,
    verb: str,
    association: Association,
    model: UID,
    responses: Iterable[tuple[Dataset, Dataset | None]],
    *,
    expected: int,
    cancelled: Callable[[], bool],
) -> SubOperations:
    """Follow the responses to one request until the final one.

    Returns the last numbers that the PACS gave. Success with failed sub-operations, and Warning B000, return like any
    other end: what is there and what is not, only the ledger knows.

    Args:
        peer: the PACS.
        verb: ``C-MOVE`` or ``C-GET``, for messages.
        association: the one that brings the responses to a request of :data:`MESSAGE_ID`.
        model: the SOP Class of the request.
        responses: what pynetdicom yields.
        expected: instances asked for; 0 if not known.
        cancelled: asked several times a second; when true the transfer is stopped by C-CANCEL (PS3.7 9.3.2.3), and
            by an abort where that is ignored.

    Raises:
        TransientError: the association ended, or fell silent, before the final response; a status that may pass; or
            Success without any sub-operation though instances were expected.
        PermanentError: a status that will not pass, such as an unknown move destination.
    """
    numbers = SubOperations(None, None, None, None)
    with _cancelling(association, model, cancelled) as asked_to_stop:
        for response, _failed_list in responses:
            if "Status" not in response:
                break
            numbers = _numbers(response, numbers)
            status = look_up(RETRIEVE, response.Status)
            if status.outcome is Outcome.PENDING:
                continue
            if asked_to_stop.is_set():
                return numbers
            return _concluded(peer, verb, response.Status, numbers, expected)
    if asked_to_stop.is_set():
        return numbers
    raise ended(peer, verb, peer.patience.transfer_timeout)


@contextmanager
def _cancelling(association: Association, model: UID, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Watch whether the transfer is to be stopped, also while the PACS says nothing; the event tells that it was."""
    over, asked_to_stop = Event(), Event()

    def watch() -> None:
        while not over.wait(_LOOK_S):
            if not cancelled():
                continue
            asked_to_stop.set()
            if association.is_established:
                association.send_c_cancel(MESSAGE_ID, query_model=model)
            # C-CANCEL may be ignored (seen at several PACS); an abort ends the sub-operations everywhere.
            if not over.wait(_GRACE_S):
                association.abort()
                association.dimse.msg_queue.put((None, None))  # who waits for an answer waits no longer
            return

    watching = Thread(target=watch, name="cancelling a transfer", daemon=True)
    watching.start()
    try:
        yield asked_to_stop
    finally:
        over.set()
        watching.join()


def _concluded(peer: Peer, verb: str, code: int, numbers: SubOperations, expected: int) -> SubOperations:
    """What the final response means."""
    status = look_up(RETRIEVE, code)
    if status.outcome not in {Outcome.SUCCESS, Outcome.WARNING}:
        raise failure(peer, verb, code, status, _remedy(peer, verb, code))
    # A busy PACS (IMPAX) answers Success and has done nothing.
    if expected and (numbers.completed, numbers.failed, numbers.warning) == (0, 0, 0):
        raise TransientError(f"{peer} answered {verb} with Success but sent none of {expected} instances: busy")
    return numbers


def _remedy(peer: Peer, verb: str, code: int) -> str:
    register = f"register the AE title {peer.move_destination!r} with address and port of the receiver at the PACS"
    if code == 0xA801:  # some say so, too, of a destination that they know and cannot reach
        return f"{register}, or see that the receiver runs"
    if verb == "C-MOVE" and code >> 12 == 0xC:  # Orthanc says 0xC000 instead of 0xA801
        return f"if the PACS does not know the move destination, {register}"
    return ""


def _numbers(response: Dataset, before: SubOperations) -> SubOperations:
    """The numbers of this response.

    A final one may leave them out (PS3.7 9.1.4.1.7 and following): done ones are then as last said, none remains.
    """

    def number(keyword: str, last: int | None) -> int | None:
        value = response.get(keyword)
        return last if value is None else int(value)

    return SubOperations(
        completed=number("NumberOfCompletedSuboperations", before.completed),
        failed=number("NumberOfFailedSuboperations", before.failed),
        warning=number("NumberOfWarningSuboperations", before.warning),
        remaining=number("NumberOfRemainingSuboperations", 0),
    )
