import threading
import time

from pacs2trial.network.standstill import Standstill


class Reactor(threading.Thread):
    """A thread that takes a message at each turn, some time after it passed the event."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.pause: threading.Event = Standstill(self)
        self.taken = 0
        self.ends = False

    def run(self) -> None:
        while not self.ends:
            self.pause.wait()
            time.sleep(0.002)
            self.taken += 1


def test_nothing_is_taken_once_the_thread_was_told_to_pause():
    reactor = Reactor()
    reactor.start()
    for _ in range(50):
        reactor.pause.clear()
        taken = reactor.taken
        time.sleep(0.004)
        assert reactor.taken == taken
        reactor.pause.set()
        time.sleep(0.001)
    reactor.ends = True


def test_the_thread_goes_on_when_it_may():
    reactor = Reactor()
    reactor.start()
    reactor.pause.clear()
    taken = reactor.taken
    reactor.pause.set()
    deadline = time.monotonic() + 10
    while reactor.taken == taken and time.monotonic() < deadline:
        time.sleep(0.001)
    assert reactor.taken > taken
    reactor.ends = True


def test_a_thread_that_has_ended_is_not_waited_for():
    reactor = Reactor()
    reactor.ends = True
    reactor.start()
    reactor.join()
    reactor.pause.clear()


def test_the_thread_itself_may_clear_the_event():
    done = threading.Event()

    class Own(Reactor):
        def run(self) -> None:
            self.pause.clear()
            done.set()

    Own().start()
    assert done.wait(10)
