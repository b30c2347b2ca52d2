"""Pages from templates: everything that stands in one is escaped, and a name that is not given is an error."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from pacs2trial_airflow.lazy import PAGES
from pacs2trial_airflow.pages.assets import address_of


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("pacs2trial_airflow.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["when"] = when
    made.filters["thousands"] = thousands
    return made


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page.

    Args:
        request: to which it is the answer.
        template: file in ``templates/``.
        status: of the answer; the template knows it by this name.
        values: what else the template may name, besides ``base`` (the pages' root, for links), ``airflow`` (that of
            its UI) and ``asset(name)``.
    """
    base = base_of(request)
    airflow = base.removesuffix(PAGES) + "/"

    def asset(name: str) -> str:
        return f"{base}{address_of(name)}"

    made = _environment().get_template(template)
    return HTMLResponse(
        made.render(base=base, airflow=airflow, asset=asset, status=status, **values), status_code=status
    )


def base_of(request: Request) -> str:
    """The path under which the pages stand, as the client reached them."""
    return str(request.scope.get("root_path", ""))


def when(moment: datetime | None) -> str:
    """A time of the vault to the minute, in UTC."""
    return moment.strftime("%Y-%m-%d %H:%M") if moment else "-"


def thousands(number: int) -> str:
    """A count with thin spaces between groups of three digits."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
