"""Pages in a browser: every page is found by its links, is open to everybody, and shows what the objects say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import numpy as np
import pytest
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.types import DagRunType
from playwright.sync_api import Browser, Page
from sqlalchemy import delete, update

from pacs2trial.holdings.ledger import Narrowing
from pacs2trial.pixels.masks import Mask
from pacs2trial.vault.tables import PixelDecision, TrialInstance
from pacs2trial_demo.identities import IDENTITIES, planted_values
from support.api_server import ApiServer
from support.browsing import PAGES, barriers, chromium, page_of, picture
from support.hospital import LUNG
from support.shown import ShownSite


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


PLAIN_CT = re.compile(r"^\s*CT\b")
"""The heading of a CT series, and not of an RTSTRUCT, which holds the letters as well."""


def viewer_of_planning_ct(page: Page) -> None:
    """From a study to the viewer of the CT on which structures and dose lie, with an image and all drawings."""
    page.locator(".card", has_text="Thorax").locator("h3 a", has_text=PLAIN_CT).first.click()
    page.locator("[data-painted]").wait_for()
    page.locator("[data-drawn]").wait_for(state="attached")


@pytest.mark.parametrize("shade", ["light", "dark"])
def test_a_reviewer_walks_from_the_trials_to_a_header(
    server: ApiServer, shown_site: ShownSite, browser: Browser, shade: str
) -> None:
    told = []

    def look(name: str, within: str = "body") -> None:
        picture(page, f"{name}-{shade}")
        assert page.locator("html").get_attribute("data-theme") == shade
        if shade == "light" or name in ("trial", "viewer"):  # between them every colour
            assert barriers(page, within) == []
        told.append(page.content() + page.url)

    with page_of(browser, server, dark=shade == "dark") as page:
        page.goto(f"{PAGES}/")
        look("trials")
        page.get_by_role("link", name=LUNG, exact=True).click()
        look("trial")
        assert not page.get_by_label("only those who wait for a person").is_checked()
        page.get_by_role("link", name="LA-001").click()
        look("subject")
        page.locator("tr", has_text="RTSTRUCT").get_by_role("link").click()
        page.wait_for_load_state("networkidle")
        look("study")
        study = page.url
        page.get_by_role("link", name="Links between series").click()
        assert page.locator(".graph path").count() > 0
        look("links")
        page.goto(study)
        viewer_of_planning_ct(page)
        look("viewer")
        page.goto(study)
        for modality, heading in (("RTPLAN", "Beams"), ("RTSTRUCT", "Structures")):
            page.locator("h3 a", has_text=modality).first.click()
            page.get_by_role("heading", name=heading).wait_for()
            look(f"object-{modality}", "header, main > :not(.scroll), thead, tbody tr:nth-child(-n+3)")
            page.goto(study)
    planted = {value for identity in IDENTITIES for value in planted_values(identity)}
    assert [value for value in planted if any(value in text for text in told)] == []


def test_the_viewer_is_worked_by_keys(server: ApiServer, browser: Browser) -> None:
    with page_of(browser, server) as page:
        page.goto(f"{PAGES}/trials/{LUNG}/subjects/LA-001")
        page.locator("tr", has_text="RTSTRUCT").get_by_role("link").click()
        viewer_of_planning_ct(page)
        place = page.locator("[data-place]")
        page.keyboard.press("Home")
        page.locator("[data-place]", has_text="1 / ").wait_for()
        page.keyboard.press("ArrowDown")
        page.locator("[data-place]", has_text="2 / ").wait_for()
        page.keyboard.press("2")
        page.locator("[data-window]", has_text="C -600 W 1500").wait_for()  # with the image, which may still be coming
        page.keyboard.press("End")
        number, _, last, *_ = place.inner_text().split()
        assert number == last
        assert page.locator(".drawings input:checked").count() > 2


def test_a_header_is_filtered_and_searched(server: ApiServer, browser: Browser) -> None:
    with page_of(browser, server) as page:
        page.goto(f"{PAGES}/trials/{LUNG}/subjects/LA-001")
        page.locator("tr", has_text="RTSTRUCT").get_by_role("link").click()
        page.locator("h3 a", has_text="RTPLAN").first.click()
        page.locator("table.header").wait_for()
        page.keyboard.press("/")
        page.keyboard.type("0010,0020")
        page.keyboard.press("Enter")
        page.get_by_text("1 attributes").wait_for()
        rows = page.locator("table.header tbody tr")
        assert rows.locator(".state").inner_text() == "mapped"
        assert "LA-001" in rows.inner_text()


def test_the_heads_of_a_long_table_stay_in_sight(server: ApiServer, browser: Browser) -> None:
    with page_of(browser, server) as page:
        page.goto(f"{PAGES}/trials/{LUNG}/subjects/LA-001")
        page.locator("tr", has_text="RTSTRUCT").get_by_role("link").click()
        page.locator("h3 a", has_text="RTPLAN").first.click()
        heads = page.locator("table.header thead th")
        page.locator("table.header tbody tr").nth(100).scroll_into_view_if_needed()
        assert page.evaluate("window.scrollY") > 1000
        assert [heads.nth(place).bounding_box()["y"] for place in range(heads.count())] == [0] * heads.count()
        picture(page, "header-scrolled-light", whole=False)


def test_a_subject_leads_to_its_review_and_one_that_is_not_there_is_not_found(server: ApiServer) -> None:
    with server.client("rita") as client:
        at = f"{PAGES}/trials/{LUNG}"
        assert f'href="{at}/reviews/LA-001"' in client.get(f"{at}/subjects/LA-001").text
        assert client.get(f"{at}/subjects/LA-999").status_code == 404


def test_a_member_of_a_trial_sees_no_value_of_staging(server: ApiServer, browser: Browser) -> None:
    with page_of(browser, server, "uma") as page:
        page.goto(f"{PAGES}/trials/{LUNG}/subjects/LA-001")
        page.locator("tr", has_text="RTSTRUCT").get_by_role("link").click()
        page.locator("h3 a", has_text="RTPLAN").first.click()
        assert "Staged" not in page.locator("table.header thead").inner_text()
        page.goto(f"{PAGES}/")
        assert page.get_by_role("link", name="Staging").count() == 0


def test_blanked_areas_are_drawn_on_the_images_that_have_them(server: ApiServer, shown_site: ShownSite) -> None:
    view, vault = shown_site.view(LUNG), shown_site.ws.vault
    with vault.session(read_only=True) as session:
        (content, *_) = view.ledger.all_contents(session, Narrowing(owners=("LA-002",)))
    chosen = content.chosen
    uids = view.shown([chosen.study, chosen.series, chosen.sop_instance])
    decision = {"pixels": "p", "outcome": "wipe", "rule": "a test", "detector": "", "result": chosen.digest}
    with vault.session() as session:
        session.add(PixelDecision(instance_id=chosen.instance_id, areas=[[4, 6, 10, 2, 1, 0]], **decision))
    try:
        with server.client("rita") as client:
            at = f"{PAGES}/trials/{LUNG}/studies/{uids[chosen.study]}/series/{uids[chosen.series]}"
            (layer,) = client.get(f"{at}/drawings").json()["areas"]
            stack = client.get(f"{at}/stack").json()
    finally:
        with vault.session() as session:
            session.execute(delete(PixelDecision).where(PixelDecision.pixels == "p"))
    ((place, paths),) = layer["paths"].items()
    assert stack["instances"][stack["images"][int(place)][0]] == uids[chosen.sop_instance]
    assert paths == [[3.5, 5.5, 13.5, 5.5, 13.5, 7.5, 3.5, 7.5]]


def test_a_blanked_face_is_gone_from_the_image_and_outlined(
    server: ApiServer, shown_site: ShownSite, browser: Browser
) -> None:
    view, vault = shown_site.view(LUNG), shown_site.ws.vault
    with vault.session(read_only=True) as session:
        found = view.ledger.all_contents(session, Narrowing(owners=("LA-002",), modalities=("CT",)))
    series = found[0].chosen.series
    slices = [content for content in found if content.chosen.series == series]
    header = view.object_of(slices[0]).described()
    plane = np.zeros((header.Rows, header.Columns), bool)
    plane[: header.Rows // 3] = True
    digest = vault.pin("face mask", Mask(header.Rows, header.Columns, 1, {1: plane}).packed())
    which = TrialInstance.instance_id.in_([content.chosen.instance_id for content in slices])
    uids = view.shown([slices[0].chosen.study, series])
    at = f"{PAGES}/trials/{LUNG}/studies/{uids[slices[0].chosen.study]}/series/{uids[series]}"
    with vault.session() as session:
        session.execute(update(TrialInstance).where(TrialInstance.trial == LUNG, which).values(mask=digest))
    try:
        with server.client("rita") as client:
            (layer,) = client.get(f"{at}/drawings").json()["areas"]
        with page_of(browser, server) as page:
            page.goto(at)
            page.locator("[data-painted]").wait_for()
            page.locator("[data-drawn]").wait_for(state="attached")
            page.get_by_text("Blanked face").wait_for()
            picture(page, "viewer-face")
    finally:
        with vault.session() as session:
            session.execute(update(TrialInstance).where(TrialInstance.trial == LUNG, which).values(mask=""))
    assert (layer["name"], len(layer["paths"])) == ("Blanked face", len(slices))
    assert {max(path[1::2]) for paths in layer["paths"].values() for path in paths} == {header.Rows // 3 - 0.5}


def test_a_run_s_tab_shows_its_account(server: ApiServer, browser: Browser) -> None:
    with create_session() as session:
        session.add(DagRun(dag_id=f"trial_{LUNG}", run_id="manual__1+2:3", run_type=DagRunType.MANUAL, state="failed"))
    query = urlencode({"dag_id": f"trial_{LUNG}", "run_id": "manual__1+2:3"})
    with page_of(browser, server) as page:
        page.goto(f"{PAGES}/run?{query}")
        picture(page, "run-light")
        assert page.get_by_text("has planned nothing").is_visible()
        assert page.get_by_role("button", name="Print").is_visible()
        assert barriers(page) == []
    with server.client("vic") as client:
        assert client.get(f"{PAGES}/run?{query}").status_code == 403


def test_the_pages_stand_in_airflow_s_frame_in_its_theme(server: ApiServer, browser: Browser) -> None:
    with page_of(browser, server, dark=True, strict=False) as page:
        page.goto("/")
        page.get_by_role("link", name="Trials").first.click()
        inside = page.frame_locator("iframe")
        inside.get_by_role("link", name=LUNG, exact=True).click()
        inside.get_by_role("heading", name="Subjects").wait_for()
        shade = "dark" if "dark" in (page.locator("html").get_attribute("class") or "") else "light"
        assert inside.locator("html").get_attribute("data-theme") == shade
        picture(page, "in-airflow")
        inside.get_by_role("link", name="Runs in Airflow").click()
        page.wait_for_url(f"**/dags/trial_{LUNG}**")
