"""OHIF below the pages: its files are put right for where they stand, and only the right build is installed."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest

from pacs2trial.errors import SetupError
from pacs2trial_airflow.pages.ohif_files import folder, require_intact, unpack
from support.api_server import ApiServer
from support.dicomweb import OHIF_FRAMES, parts_of
from support.hospital import LUNG
from support.shown import ShownSite

VIEWER = "/pacs2trial/pages/viewer"
PARTS = ("studies/", "series/", "instances/")
UIDS = ("0020000D", "0020000E", "00080018")
INDEX = (
    '<html><head><script>window.PUBLIC_URL="/"</script><script src="/app-config.js"></script>'
    '<script defer src="/app.bundle.js"></script><link href="/app.bundle.css" rel="stylesheet"></head></html>'
)
BUILT = {
    "index.html": INDEX.encode(),
    "app.bundle.js": b'__webpack_require__.p = "/"; start("/unrelated");',
    "app.bundle.css": b"@font-face{src:url(/a.woff2)} .x{background:url(data:x)}",
    "a.woff2": b"\x00font",
}


@pytest.fixture(scope="module")
def installed(shown_site: ShownSite, server: ApiServer) -> Iterator[ApiServer]:
    """The server of the shown site with a build of a few lines in place of OHIF's."""
    where = folder(shown_site.ws.settings)
    where.mkdir(parents=True)
    for name, content in BUILT.items():
        (where / name).write_bytes(content)
    yield server
    for name in BUILT:
        (where / name).unlink()
    where.rmdir()


def test_without_the_build_the_page_says_what_is_missing(server: ApiServer, shown_site: ShownSite) -> None:
    assert not folder(shown_site.ws.settings).exists()
    with server.client("rita") as client:
        answer = client.get(f"{VIEWER}/{LUNG}/")
    assert answer.status_code == 200
    assert "make viewer" in answer.text


def test_everything_is_looked_for_below_the_pages(installed: ApiServer) -> None:
    with installed.client("rita") as client:
        for path in ("/", "/viewer"):
            page = client.get(f"{VIEWER}/{LUNG}{path}")
            assert f'window.PUBLIC_URL="{VIEWER}/files/"' in page.text
            assert f'src="{VIEWER}/{LUNG}/app-config.js"' in page.text
            assert f'src="{VIEWER}/files/app.bundle.js"' in page.text
        script = client.get(f"{VIEWER}/files/app.bundle.js").text
        style = client.get(f"{VIEWER}/files/app.bundle.css").text
        assert client.get(f"{VIEWER}/files/a.woff2").content == BUILT["a.woff2"]
        assert client.get(f"{VIEWER}/files/..%2f..%2fvault.db").status_code == 404
    assert script == f'__webpack_require__.p = "{VIEWER}/files/"; start("/unrelated");'
    assert f"url({VIEWER}/files/a.woff2)" in style
    assert "url(data:x)" in style


def test_its_page_runs_the_scripts_of_this_server_alone(installed: ApiServer) -> None:
    """Only the page itself may compile what it wrote, as ndarray does for segmentations; workers may not."""
    with installed.client("rita") as client:
        page = client.get(f"{VIEWER}/{LUNG}/").headers["content-security-policy"]
        script = client.get(f"{VIEWER}/files/app.bundle.js").headers["content-security-policy"]
    sources = {policy: _sources(policy) for policy in (page, script)}
    assert sources[script] == {"'self'", "'wasm-unsafe-eval'"}
    (inline,) = sources[page] - sources[script] - {"'unsafe-eval'"}
    assert inline.startswith("'sha256-")
    assert "http" not in page + script


def _sources(policy: str) -> set[str]:
    """Where scripts may come from."""
    name, *sources = next(part for part in policy.split("; ") if part.startswith("script-src")).split()
    assert name == "script-src"
    return set(sources)


def test_its_one_source_is_the_service_of_the_scope(installed: ApiServer) -> None:
    with installed.client("rita") as client:
        text = client.get(f"{VIEWER}/{LUNG}/app-config.js").text
        told = json.loads(text.removeprefix("window.config = ").removesuffix(";\n"))
        (source,) = told["dataSources"]
        assert client.get(f"{source['configuration']['qidoRoot']}/studies").status_code == 200
    assert told["routerBasename"] == f"{VIEWER}/{LUNG}"


# --- what OHIF asks for, taken down from version 3.13 with a CT in three planes, structures and a segmentation --------

LIST = {"limit": "101", "offset": "0", "fuzzymatching": "false", "includefield": "00081030,00080060,00080090,00100030"}
SERIES = {"includefield": "00080021,00080031,0008103E,00200011"}
WHOLE = 'multipart/related; type="application/dicom"'
PLANES = ("00200032", "00200037", "00280030", "00280010", "00280011", "00200052", "00281052", "00281053", "00280103")
"""Without these attributes it builds no volume of a CT."""


@pytest.fixture(scope="module")
def answered(reviewer: httpx.Client) -> dict[str, list[dict[str, Any]]]:
    """Metadata by modality of the study with structures, found as OHIF finds them."""
    listed = reviewer.get(f"/{LUNG}/studies", params=LIST).json()
    uid = next(one["0020000D"]["Value"][0] for one in listed if "RTSTRUCT" in one["00080061"]["Value"])
    (study,) = reviewer.get(f"/{LUNG}/studies", params=LIST | {"StudyInstanceUID": uid}).json()
    assert study["00201208"]["Value"][0] > 1
    found: dict[str, list[dict[str, Any]]] = {}
    for one in reviewer.get(f"/{LUNG}/studies/{uid}/series", params=SERIES).json():
        metadata = reviewer.get(f"/{LUNG}/studies/{uid}/series/{one['0020000E']['Value'][0]}/metadata")
        assert metadata.headers["content-type"] == "application/dicom+json"
        found.setdefault(one["00080060"]["Value"][0], []).extend(metadata.json())
    return found


def values(said: dict[str, Any], tag: str) -> Iterator[str]:
    """The values of an attribute at any depth."""
    for each, content in said.items():
        if each == tag:
            yield from content.get("Value", ())
        for item in content.get("Value", ()) if content["vr"] == "SQ" else ():
            yield from values(item, tag)


def test_a_ct_says_what_three_planes_need(answered: dict[str, list[dict[str, Any]]], reviewer: httpx.Client) -> None:
    for said in answered["CT"]:
        assert [tag for tag in PLANES if not said.get(tag, {}).get("Value")] == []
        path = "/".join(part + said[tag]["Value"][0] for part, tag in zip(PARTS, UIDS, strict=True))
        answer = reviewer.get(f"/{LUNG}/{path}/frames/1", headers={"Accept": OHIF_FRAMES})
        ((_, frame),) = parts_of(answer)
        assert len(frame) == said["00280010"]["Value"][0] * said["00280011"]["Value"][0] * 2


def test_structures_come_with_contours_on_images_that_are_there(answered: dict[str, list[dict[str, Any]]]) -> None:
    (said,) = answered["RTSTRUCT"]
    contours = {"30060039": said["30060039"]}
    assert len(list(values(contours, "30060050"))) > 3
    drawn_on = set(values(contours, "00081155"))
    assert drawn_on
    assert drawn_on <= {uid for one in answered["CT"] for uid in values(one, "00080018")}


def test_an_object_comes_whole_as_a_segmentation_is_read(
    answered: dict[str, list[dict[str, Any]]], reviewer: httpx.Client
) -> None:
    (said,) = answered["RTDOSE"]
    path = "/".join(part + said[tag]["Value"][0] for part, tag in zip(PARTS, UIDS, strict=True))
    ((kind, content),) = parts_of(reviewer.get(f"/{LUNG}/{path}", headers={"Accept": WHOLE}))
    assert kind.startswith("application/dicom")
    assert len(pydicom.dcmread(BytesIO(content)).pixel_array) == said["00280008"]["Value"][0]


def test_text_is_compressed_on_its_way_and_images_are_not(
    answered: dict[str, list[dict[str, Any]]], reviewer: httpx.Client
) -> None:
    said = answered["RTDOSE"][0]
    path = "/".join(part + said[tag]["Value"][0] for part, tag in zip(PARTS, UIDS, strict=True))
    encodings = {}
    for what in ("metadata", "frames/1", ""):
        answer = reviewer.get(f"/{LUNG}/{path}/{what}".rstrip("/"), headers={"Accept-Encoding": "gzip"})
        encodings[what] = answer.headers["content-encoding"]
    assert encodings == {"metadata": "gzip", "frames/1": "identity", "": "identity"}


@pytest.mark.parametrize(("user", "status"), [(None, 401), ("vic", 403)])
def test_the_scope_is_for_those_who_may_see_it(installed: ApiServer, user: str | None, status: int) -> None:
    with installed.client(user) as client:
        for path in ("/", "/app-config.js"):
            assert client.get(f"{VIEWER}/{LUNG}{path}").status_code == status


def test_another_package_than_the_one_that_is_meant_is_not_installed(tmp_path: Path) -> None:
    package = tmp_path / "app.tgz"
    package.write_bytes(b"something else")
    with pytest.raises(SetupError, match="its SHA-512 differs"):
        require_intact(package)


def test_only_what_is_served_is_unpacked(tmp_path: Path) -> None:
    package = tmp_path / "app.tgz"
    with tarfile.open(package, "w:gz") as archive:
        for name in (
            "dist/a.js",
            "dist/a.js.map",
            "dist/ort/model.bin",
            "dist/../../out.js",
            "src/b.js",
            "dist/img/c.png",
        ):
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = 1
            archive.addfile(entry, BytesIO(b"x"))
    unpack(package, tmp_path / "files")
    found = {str(path.relative_to(tmp_path / "files")) for path in (tmp_path / "files").rglob("*") if path.is_file()}
    assert found == {"a.js", "img/c.png"}
    assert not (tmp_path / "out.js").exists()
