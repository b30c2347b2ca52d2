"""How far an archive is followed: what no honest archive of images needs is a bomb, and ends the reading of it."""

from __future__ import annotations

from dataclasses import dataclass

GIGABYTE = 1 << 30


class ArchiveError(Exception):
    """An archive cannot be read any further; the text says why and names nothing of it."""


@dataclass(frozen=True)
class Limits:
    """Limits of one archive that was offered, with everything that is nested in it.

    Attributes:
        depth: archives within each other. An export of exports has two; each more costs its size in memory.
        members: files. A hospital's largest exports have some hundred thousand.
        member: bytes of one file; the length of a native value ends at 4 GB (PS3.5 7.1.1).
        unpacked: bytes in all; more than any disk of such an export.
        ratio: bytes out for each byte in. CT and dose pack 2 to 20 times; deflate cannot do more than 1032.
        ratio_from: bytes below which the ratio does not count: a few empty images may pack as well as they like.
    """

    depth: int = 3
    members: int = 2_000_000
    member: int = 4 * GIGABYTE
    unpacked: int = 4096 * GIGABYTE
    ratio: int = 200
    ratio_from: int = GIGABYTE // 4


LIMITS = Limits()


class Budget:
    """What may still be unpacked of one archive.

    Args:
        limits: of the archive.
        packed: bytes of the archive itself, as it lies on disk.
    """

    def __init__(self, limits: Limits, packed: int) -> None:
        self.limits = limits
        self._allowed = min(limits.unpacked, max(limits.ratio_from, limits.ratio * packed))
        self._members = 0
        self._bytes = 0

    def one_more(self) -> None:
        """Count a member.

        Raises:
            ArchiveError: there are too many.
        """
        self._members += 1
        if self._members > self.limits.members:
            raise ArchiveError(f"holds more than {self.limits.members} files")

    def take(self, size: int) -> None:
        """Count bytes that are unpacked.

        Raises:
            ArchiveError: they are too many, or out of proportion to the archive.
        """
        self._bytes += size
        if self._bytes > self._allowed:
            raise ArchiveError("unpacks to more than any archive of images does")
