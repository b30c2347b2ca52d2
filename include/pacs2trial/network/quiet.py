"""pynetdicom, pydicom and httpx, kept from telling what promise 1 forbids."""

from __future__ import annotations

import logging

import pydicom.config
from pynetdicom import _config


def hush() -> None:
    """Keep the DICOM libraries from writing values of data sets to logs and warnings; safe to call again and again.

    pynetdicom logs every query and answer at INFO, which Airflow's task log shows, and decoding errors with their
    traceback. pydicom warns of a value that breaks its VR by quoting it. httpx logs every address, which names a
    patient. What an association's end means is said by :mod:`pacs2trial.network.association` and
    :mod:`pacs2trial.network.status` in words of our own.
    """
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    for library in ("pynetdicom", "httpx", "httpcore", "python_multipart"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
