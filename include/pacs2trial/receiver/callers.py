"""Who may call the receiver: AE titles, each from anywhere or from some addresses only."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from pacs2trial.errors import SetupError
from pacs2trial.settings import variable

ANYBODY = "*"
OTHER = "other"
"""Stands in counts for every caller that is not listed by its AE title."""

_AE_TITLE = re.compile(r"[ -\[\]-~]{1,16}")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Caller:
    """An AE title, ``*`` for any, and the network it may call from, None for any."""

    aet: str
    network: Network | None

    def admits(self, calling: str, address: Address) -> bool:
        return self.aet in {ANYBODY, calling} and (self.network is None or address in self.network)


@dataclass(frozen=True)
class Callers:
    """The allow-list. An empty one lets everybody in."""

    listed: tuple[Caller, ...] = ()

    def admit(self, calling: str, address: str) -> bool:
        """Whether an association of this calling AE title from this address may be accepted.

        Args:
            calling: calling AE title; spaces around it do not count (PS3.5 6.2), case does.
            address: IP address of the caller.
        """
        if not self.listed:
            return True
        come_from = _address(address)
        return come_from is not None and any(one.admits(calling.strip(), come_from) for one in self.listed)

    def name(self, calling: str) -> str:
        """The calling AE title when it is listed, else ``other``: what counts may be kept under."""
        return calling.strip() if calling.strip() in self.names else OTHER

    @property
    def anybody(self) -> bool:
        """Whether some callers are let in by their address, whatever their AE title."""
        return any(one.aet == ANYBODY for one in self.listed)

    @property
    def names(self) -> tuple[str, ...]:
        """The listed AE titles, in their order."""
        return tuple(dict.fromkeys(one.aet for one in self.listed if one.aet != ANYBODY))


def read_callers(text: str) -> Callers:
    """The allow-list of a setting: ``AET``, ``AET@address``, ``AET@network`` or ``*@network``, commas between.

    Raises:
        SetupError: an entry is none of these; each one is named.
    """
    entries = [entry.strip() for entry in re.split(r"[,\n]", text) if entry.strip()]
    problems: list[str] = []
    listed = []
    for entry in entries:
        try:
            listed.append(_caller(entry))
        except ValueError as error:
            problems.append(f"{variable('receiver_allow')}: {entry!r}: {error}")
    if problems:
        raise SetupError("\n".join(problems))
    return Callers(tuple(listed))


def _caller(entry: str) -> Caller:
    aet, at, where = (part.strip() for part in entry.partition("@"))
    if not _AE_TITLE.fullmatch(aet):
        raise ValueError("an AE title has 1 to 16 characters")
    if at and not where:
        raise ValueError("after @ comes an address such as 10.1.2.3 or a network such as 10.0.0.0/8")
    try:
        network = ipaddress.ip_network(where) if where else None
    except ValueError as error:
        raise ValueError(f"{error}; write an address such as 10.1.2.3 or a network such as 10.0.0.0/8") from None
    if aet == ANYBODY and network is None:
        raise ValueError("lets everybody in; leave the setting empty if that is meant")
    return Caller(aet, network)


def _address(text: str) -> Address | None:
    """An IPv4 address also where a socket of both families shows it as ``::ffff:10.0.0.1``."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
