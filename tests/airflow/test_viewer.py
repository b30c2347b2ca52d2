"""OHIF below the pages: its files are put right for where they stand, and only the right build is installed."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from pacs2trial.errors import SetupError
from pacs2trial_airflow.pages.ohif_files import folder, require_intact, unpack
from support.api_server import ApiServer
from support.hospital import LUNG
from support.shown import ShownSite

VIEWER = "/pacs2trial/pages/viewer"
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
    with installed.client("rita") as client:
        policy = client.get(f"{VIEWER}/{LUNG}/").headers["content-security-policy"]
    assert "unsafe-eval'" not in policy.replace("wasm-unsafe-eval'", "")
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert scripts.count("'sha256-") == 1
    assert "unsafe-inline" not in scripts
    assert "http" not in policy


def test_its_one_source_is_the_service_of_the_scope(installed: ApiServer) -> None:
    with installed.client("rita") as client:
        text = client.get(f"{VIEWER}/{LUNG}/app-config.js").text
        told = json.loads(text.removeprefix("window.config = ").removesuffix(";\n"))
        (source,) = told["dataSources"]
        assert client.get(f"{source['configuration']['qidoRoot']}/studies").status_code == 200
    assert told["routerBasename"] == f"{VIEWER}/{LUNG}"


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
