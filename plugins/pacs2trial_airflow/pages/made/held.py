"""The objects that a path names, and their images in order."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from pydicom.dataset import Dataset

from pacs2trial.holdings.ledger import Content
from pacs2trial.holdings.search import contents
from pacs2trial.network.identifier import identifier
from pacs2trial.preview.rendering import NotAPictureError
from pacs2trial.preview.stack import Image, stack
from pacs2trial.trials.definition import STAGING
from pacs2trial_airflow.site import NotFoundError, site

WITHOUT_IMAGE: Final = frozenset(("RTSTRUCT", "RTPLAN", "RTRECORD", "REG", "PR", "KO", "SR", "PLAN", "DOC"))
"""Modalities whose objects have no image."""

_STACKS: Final = 16


def found(scope: str, study: str, series: str = "", instance: str = "") -> list[Content]:
    """The objects that a path names.

    Raises:
        NotFoundError: there is none.
    """
    keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": instance}
    objects = contents(site.view(scope), identifier("IMAGE", **{name: uid for name, uid in keys.items() if uid}))
    if not objects:
        raise NotFoundError("nothing is held by these UIDs")
    return objects


Stack = tuple[list[Content], list[Dataset], list[Image]]
"""Objects of a series, their headers as staged, and their images in order."""

_stacks: OrderedDict[tuple[str, ...], Stack] = OrderedDict()
_lock = threading.Lock()


def stack_of(scope: str, study: str, series: str) -> Stack:
    """The objects of a series that have images; remembered while nothing changes.

    Raises:
        NotFoundError: the scope holds nothing by these UIDs.
        NotAPictureError: there is no image in the series.
    """
    objects = [content for content in found(scope, study, series) if content.modality not in WITHOUT_IMAGE]
    key = (scope, series, *(f"{content.chosen.version_id} {content.chosen.mask}" for content in objects))
    with _lock:
        known = _stacks.get(key)
    if known is None:
        staged = site.view(STAGING)
        headers: list[Dataset] = [staged.object_of(content).described() for content in objects]
        known = objects, headers, stack(headers)
        with _lock:
            _stacks[key] = known
            while len(_stacks) > _STACKS:
                _stacks.popitem(last=False)
    if not known[2]:
        raise NotAPictureError("this series has no image")
    return known
