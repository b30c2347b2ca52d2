"""What Airflow learns of this package as a provider (entry point ``apache_airflow_provider``)."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """The connection type ``dicom`` with its form. Nothing of the package is imported to show it."""
    return {
        "package-name": "pacs2trial",
        "name": "pacs2trial",
        "description": "Radiotherapy planning and imaging data for clinical trials, pseudonymised and accounted for",
        "connection-types": [
            {
                "connection-type": "dicom",
                "hook-class-name": "pacs2trial_airflow.hooks.dicom.DicomHook",
                "hook-name": "DICOM",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {},
                    "placeholders": {"host": "pacs.hospital.example", "port": "104"},
                },
                "conn-fields": {
                    "aet": {
                        "label": "AE title of the PACS",
                        "description": "The called AE title, at most 16 characters",
                        "schema": {"type": "string", "minLength": 1, "maxLength": 16},
                    },
                    "calling_aet": {
                        "label": "Our AE title",
                        "description": "As the PACS has to know it; empty: that of the receiver",
                        "schema": {"type": ["string", "null"], "maxLength": 16},
                    },
                    "dicomweb": {
                        "label": "DICOMweb",
                        "description": "Address of its DICOMweb service, for 'retrieve: dicomweb'; login and password, "
                        "or a token as password alone",
                        "schema": {"type": ["string", "null"], "format": "uri"},
                    },
                    "hours": {
                        "label": "Hours",
                        "description": "When transfers may run, such as 20:00-06:00; empty: always",
                        "schema": {"type": ["string", "null"]},
                    },
                    "maximum_matches": {
                        "label": "Maximum of matches",
                        "description": "After how many answers it ends a C-FIND without saying so; empty: never",
                        "schema": {"type": ["integer", "null"], "minimum": 2},
                    },
                    "move_destination": {
                        "label": "Move destination",
                        "description": "The receiver's AE title in the PACS's list of C-MOVE destinations; "
                        "empty: that of the receiver",
                        "schema": {"type": ["string", "null"], "maxLength": 16},
                    },
                },
            }
        ],
    }
