"""An association of which no thread but the caller's takes messages while the caller waits for an answer."""

from __future__ import annotations

import threading

from pynetdicom.association import Association

_LOOK_AGAIN_S = 0.05


class Standstill(threading.Event):
    """Stands in for the event at which pynetdicom 3.0 lets the thread of an association pause.

    That thread takes messages from the same queue as the caller. ``Association.send_c_find`` and its like clear the
    event and go on as soon as the thread says that it pauses, which it also says while it passes the event: then it
    may still take one answer and drop it, a match of a C-FIND or the final response. Here :meth:`clear` returns when
    the thread stands still, or has ended.
    """

    def __init__(self, thread: threading.Thread) -> None:
        super().__init__()
        self._thread = thread
        self._changed = threading.Condition()
        self._open = True
        self._stands = False

    def is_set(self) -> bool:
        return self._open

    def set(self) -> None:
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._open = False
            while not self._stands and self._thread.is_alive() and threading.current_thread() is not self._thread:
                self._changed.wait(_LOOK_AGAIN_S)

    def wait(self, timeout: float | None = None) -> bool:
        with self._changed:
            while not self._open:
                self._stands = True
                self._changed.notify_all()
                if not self._changed.wait(timeout):
                    break
            self._stands = False
            return self._open


def keep_answers(association: Association) -> None:
    """See to it that every answer of the peer reaches whoever asked."""
    association._reactor_checkpoint = Standstill(association)
