"""Pages as a browser sees them: Debian's Chromium against the shared API server, logged in as a user of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from support.airflow_env import ROOT
from support.api_server import ApiServer
from support.programs import need

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGES = "/pacs2trial/pages"
PICTURES = ROOT / "artifacts" / "pages"
"""Where screenshots go; git ignores it, CI keeps it."""
LAPTOP = {"width": 1366, "height": 768}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(
    browser: Browser, server: ApiServer, user: str = "rita", *, dark: bool = False, strict: bool = True
) -> Iterator[Page]:
    """An empty page of ``user`` on a laptop; unless it is Airflow's own, what its scripts get wrong fails the test."""
    context = browser.new_context(
        base_url=server.url, viewport=LAPTOP, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    context.add_cookies([{"name": "_token", "value": server.tokens[user], "url": server.url}])
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    try:
        yield page
        assert not strict or wrong == []
    finally:
        context.close()


def picture(page: Page, name: str, *, whole: bool = True) -> Path:
    """A screenshot of the whole page, or of what is in sight, kept."""
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, full_page=whole)
    return path


def barriers(page: Page, within: str = "body") -> list[str]:
    """What axe-core finds on a page that keeps somebody out (WCAG 2.1 A and AA), each with the places it is at.

    ``within`` is a selector: of a table with hundreds of rows that are all alike, a few will do.
    """
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, within, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}).response
    return [f"{each['id']}: {', '.join(str(node['target']) for node in each['nodes'])}" for each in found["violations"]]
