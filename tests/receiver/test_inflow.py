"""Bytes of a connection, as the receiver reads them."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from pacs2trial.receiver.inflow import Inflow, PeerGoneError


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    listener = socket.create_server(("127.0.0.1", 0))
    peer = socket.create_connection(listener.getsockname())
    ours, _ = listener.accept()
    listener.close()
    yield ours, peer
    ours.close()
    peer.close()


def test_heads_and_content_come_in_order_however_they_are_cut(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, peer = pair
    dice = random.Random(7)
    sent = dice.randbytes(600_000)

    def send() -> None:
        position = 0
        while position < len(sent):
            length = dice.choice((1, 3, 11, 4095, 4096, 4097, 60_000))
            peer.sendall(sent[position : position + length])
            position += length

    sender = threading.Thread(target=send)
    sender.start()
    inflow = Inflow(ours, 10)
    got = bytearray()
    order = random.Random(8)
    while len(got) < len(sent):
        left = len(sent) - len(got)
        if order.random() < 0.6:
            got += inflow.head(min(order.choice((6, 12, 4096)), left))
        else:
            room = bytearray(min(order.choice((1, 5000, 131_072)), left))
            inflow.fill(memoryview(room))
            got += room
    sender.join()
    assert got == sent


@pytest.mark.parametrize("before", [0, 5, 5000])
def test_a_silent_peer_is_gone(pair: tuple[socket.socket, socket.socket], before: int) -> None:
    ours, peer = pair
    inflow = Inflow(ours, 0.2)
    peer.sendall(bytes(before))
    begun = time.monotonic()
    with pytest.raises(PeerGoneError):
        inflow.fill(memoryview(bytearray(10_000)))
    assert time.monotonic() - begun >= 0.2


def test_a_peer_that_closes_is_gone_at_once(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, peer = pair
    peer.sendall(b"123")
    peer.close()
    with pytest.raises(PeerGoneError):
        Inflow(ours, 60).head(6)


def test_a_request_has_its_own_limit_and_the_silence_counts_again_after_it(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, peer = pair
    inflow = Inflow(ours, 0.2)
    peer.sendall(b"12345")
    with pytest.raises(PeerGoneError):
        inflow.fill_until(memoryview(bytearray(6)), time.monotonic() + 0.1)
    with pytest.raises(PeerGoneError):
        inflow.head(1)


def test_who_stops_taking_answers_is_given_up(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    Inflow(ours, 0.2)
    with pytest.raises(OSError, match="unavailable"):
        ours.sendall(bytes(100_000_000))
