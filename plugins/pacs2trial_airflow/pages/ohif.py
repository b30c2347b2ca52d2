"""OHIF, a full viewer, on the DICOMweb services of a scope.

Its build believes that it stands at the root of a server. What says so in its files is put right when they are served:
``window.PUBLIC_URL``, the addresses in ``index.html`` and in style sheets, and where its bundles look for others.
"""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response

from pacs2trial_airflow.access import entitled
from pacs2trial_airflow.lazy import DICOMWEB, PAGES
from pacs2trial_airflow.pages import ohif_files
from pacs2trial_airflow.pages.assets import FOR_A_YEAR
from pacs2trial_airflow.pages.page import base_of, page
from pacs2trial_airflow.site import NotFoundError, site
from pacs2trial_airflow.work import in_thread

router = APIRouter(prefix="/viewer")

Scope = Annotated[str, InPath(pattern=r"^[A-Z0-9_-]{1,32}$")]

_REWRITTEN: Final = frozenset((".js", ".css"))
_INLINE: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' {scripts}; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' blob: data:; "
    "connect-src 'self' blob: data:; manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
"""For the viewer's own page: its components write styles, decode in WebAssembly and work in workers; nothing comes
from, and nothing goes to, another server."""
_COMPILES: Final = "'unsafe-eval'"
"""ndarray, by which OHIF reads segmentations, compiles a constructor for each number of dimensions. Of the page alone:
its workers and all other pages compile nothing."""


@router.get("/files/{name:path}")
async def file(request: Request, name: str) -> Response:
    """A file of the build, the same for every scope."""
    path = _inside(name)
    headers = {**FOR_A_YEAR, "Content-Security-Policy": _POLICY.format(scripts="")}
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if path.suffix not in _REWRITTEN:
        return FileResponse(path, media_type=kind, headers=headers)
    content = await in_thread(lambda: rewritten(path, _files(request)))
    return Response(content, media_type=kind, headers=headers)


@router.get("/{scope}/app-config.js", dependencies=[Depends(entitled)])
async def configuration(request: Request, scope: Scope) -> Response:
    """What the viewer is told: where it stands, and its one source of images."""
    base = base_of(request)
    told = f"window.config = {json.dumps(configured(base, scope), indent=1)};\n"
    return Response(told, media_type="text/javascript")


@router.get("/{scope}/{path:path}", dependencies=[Depends(entitled)])
async def viewer(request: Request, scope: Scope, path: str) -> Response:  # noqa: ARG001 - OHIF reads it in the browser
    """The viewer; its own pages are paths below this one."""
    index = ohif_files.folder(site.ws.settings) / "index.html"
    if not index.is_file():
        return page(request, "no_viewer.html", scope=scope)
    text = await in_thread(lambda: _index(index, _files(request), f"{base_of(request)}/viewer/{scope}"))
    scripts = " ".join([_COMPILES, *(_digest_of(one) for one in _INLINE.findall(text))])
    policy = _POLICY.format(scripts=scripts)
    return Response(text, media_type="text/html", headers={"Content-Security-Policy": policy})


def configured(base: str, scope: str) -> dict[str, Any]:
    """The viewer's configuration for a scope; ``base`` is the root of the pages."""
    services = f"{base.removesuffix(PAGES)}{DICOMWEB}/{scope}"
    return {
        "name": "pacs2trial",
        "routerBasename": f"{base}/viewer/{scope}",
        "extensions": [],
        "modes": [],
        "customizationService": {},
        "showStudyList": True,
        "maxNumberOfWebWorkers": 3,
        "showWarningMessageForCrossOrigin": False,
        "showCPUFallbackMessage": True,
        "strictZSpacingForVolumeViewport": True,
        "investigationalUseDialog": {"option": "never"},
        "defaultDataSourceName": "pacs2trial",
        "dataSources": [
            {
                "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
                "sourceName": "pacs2trial",
                "configuration": {
                    "friendlyName": "Staging" if scope == "STAGING" else scope,
                    "name": scope,
                    "wadoUriRoot": services,
                    "qidoRoot": services,
                    "wadoRoot": services,
                    "qidoSupportsIncludeField": True,
                    "imageRendering": "wadors",
                    "thumbnailRendering": "wadors",
                    "enableStudyLazyLoad": True,
                    "supportsFuzzyMatching": False,
                    "supportsWildcard": True,
                    "singlepart": "bulkdata",
                    "bulkDataURI": {"enabled": True},
                    "omitQuotationForMultipartRequest": True,
                },
            }
        ],
    }


@lru_cache(maxsize=512)
def rewritten(path: Path, files: str) -> bytes:
    """A script or style sheet that looks for others below ``files``."""
    content = path.read_bytes()
    root = files.encode()
    if path.suffix == ".css":
        return re.sub(rb"url\((['\"]?)/(?!/)", lambda found: b"url(" + found[1] + root + b"/", content)
    return content.replace(b'__webpack_require__.p = "/"', b'__webpack_require__.p = "' + root + b'/"')


def _index(path: Path, files: str, here: str) -> str:
    """The page of the viewer; ``here`` is its root for a scope."""
    text = path.read_text("utf-8").replace('window.PUBLIC_URL="/"', f'window.PUBLIC_URL="{files}/"')
    text = re.sub(r'\b(src|href)="/(?!/)', rf'\1="{files}/', text)
    return text.replace(f'"{files}/app-config.js"', f'"{here}/app-config.js"')


def _files(request: Request) -> str:
    return f"{base_of(request)}/viewer/files"


def _inside(name: str) -> Path:
    root = ohif_files.folder(site.ws.settings)
    path = (root / name).resolve()
    if not (path.is_relative_to(root.resolve()) and path.is_file()):
        raise NotFoundError("there is no such file of the viewer")
    return path


def _digest_of(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
