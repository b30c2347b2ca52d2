"""What an examination of the site found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``remedy`` is empty when there is nothing to do, or when ``text`` says it.

    What is good may still be worth a ``warning``.
    """

    subject: str
    good: bool
    text: str
    remedy: str = ""
    warning: bool = False


def wrong(subject: str, error: Exception | str, remedy: str = "") -> Finding:
    """What is wrong; an error of pacs2trial says itself what to do."""
    return Finding(subject, good=False, text="; ".join(str(error).splitlines()), remedy=remedy)
