"""What changes something comes from one of these pages: no other site can send it in a user's name.

Airflow's login is a cookie, which browsers send with whatever is addressed to Airflow.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from airflow.configuration import conf
from fastapi import HTTPException, Request, status

_READING: Final = frozenset(("GET", "HEAD"))


def of_this_site(request: Request) -> None:
    """Return if the request only reads, or its page was of this origin (RFC 6454; Fetch metadata).

    Raises:
        HTTPException: 403.
    """
    if request.method in _READING:
        return
    fetched, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if fetched not in (None, "same-origin") or origin not in _origins(request):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "this can only be sent from pages of this Airflow")


def _origins(request: Request) -> set[str]:
    """This origin as the client reached it, and as Airflow's settings name it (``[api] base_url``)."""
    named = urlsplit(conf.get("api", "base_url", fallback="") or "")
    found = {f"{request.url.scheme}://{request.url.netloc}"}
    return found | ({f"{named.scheme}://{named.netloc}"} if named.netloc else set())
