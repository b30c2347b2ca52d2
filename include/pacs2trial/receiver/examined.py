"""What ``check`` finds about the receiver."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress

from pacs2trial.connections import Connections
from pacs2trial.errors import Pacs2TrialError, SetupError
from pacs2trial.finding import Finding, wrong
from pacs2trial.network.peer import peer
from pacs2trial.receiver.callers import read_callers
from pacs2trial.receiver.probe import own_address, probe
from pacs2trial.receiver.transport import answering_tls, days_left, own_certificate
from pacs2trial.settings import Settings, variable
from pacs2trial.trials.definition import TrialDefinition

SOON_DAYS = 30
"""A certificate that expires within so many days should be renewed."""


def receiver_findings(
    settings: Settings, connections: Connections, trials: Mapping[str, TrialDefinition]
) -> Iterator[Finding]:
    """Whether it runs, who gets in, and whether each PACS that is to move objects to it does."""
    yield _receiver_port(settings)
    yield from _receiver_door(settings)
    yield from _movers(trials, connections, settings)


def _receiver_port(settings: Settings) -> Finding:
    port, address = settings.receiver_port, own_address(settings)
    if port == 0:
        return Finding("receiver", good=True, text="picks a free port when it starts")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind((address, port))
    except OSError as error:
        return _whoever_listens(settings, error)
    return Finding("receiver", good=True, text=f"is not running; its port {port} is free")


def _whoever_listens(settings: Settings, error: OSError) -> Finding:
    try:
        return Finding("receiver", good=True, text=probe(settings))
    except Pacs2TrialError:
        return wrong(
            "receiver",
            f"port {settings.receiver_port} on {settings.receiver_host} cannot be had: {error.strerror}",
            f"end the program that has it, or set {variable('receiver_port')}",
        )


def _receiver_door(settings: Settings) -> Iterator[Finding]:
    """Who gets in: callers and certificates."""
    try:
        callers = read_callers(settings.receiver_allow)
        answering_tls(settings)
        certificate = own_certificate(settings)
    except SetupError as error:
        yield wrong("receiver", error)
        return
    local = _is_loopback(settings.receiver_host)
    if callers.listed:
        yield Finding("receiver callers", good=True, text=f"{len(callers.listed)} listed")
    elif not local:
        yield Finding(
            "receiver callers",
            good=True,
            text=f"everybody who reaches {settings.receiver_host}:{settings.receiver_port} may send",
            remedy=f"list the AE titles of PACS and modalities in {variable('receiver_allow')}",
            warning=True,
        )
    if certificate is not None:
        yield _own_certificate(settings, days_left(certificate))


def _movers(trials: Mapping[str, TrialDefinition], connections: Connections, settings: Settings) -> Iterator[Finding]:
    """A PACS that moves objects to us is a caller, too."""
    with suppress(Pacs2TrialError):
        callers = read_callers(settings.receiver_allow)
        if not callers.listed or callers.anybody:
            return
        for name in sorted({one.source.pacs for one in trials.values() if one.source.retrieve == "c-move"}):
            aet = peer(connections, name, settings).aet
            if aet not in callers.names:
                yield Finding(
                    f"PACS {name}",
                    good=True,
                    text=f"its AE title {aet} is not among the receiver's callers, so that C-MOVE brings nothing",
                    remedy=f"add it to {variable('receiver_allow')}, unless it calls by another title",
                    warning=True,
                )


def _own_certificate(settings: Settings, days: int) -> Finding:
    if days < 0:
        return wrong("receiver certificate", "has expired", f"renew {settings.receiver_tls_certificate}")
    soon = f"renew {settings.receiver_tls_certificate}" if days < SOON_DAYS else ""
    asks = "callers need one too" if settings.receiver_tls_ca else "callers need none"
    text = f"is valid for {days} days more; {asks}"
    return Finding("receiver certificate", good=True, text=text, remedy=soon, warning=bool(soon))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
