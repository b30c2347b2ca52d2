"""Corrections: a key table taken in with all that follows, what had been delivered before, studies in doubt."""

from pacs2trial.corrections.outdated import Outdated, export_outdated, export_recall, outdated, settle
from pacs2trial.corrections.remaking import Rerun, rerun, stale_subjects
from pacs2trial.corrections.take import Preview, Taken, preview, take_key_table, whole_key_table

__all__ = [
    "Outdated",
    "Preview",
    "Rerun",
    "Taken",
    "export_outdated",
    "export_recall",
    "outdated",
    "preview",
    "rerun",
    "settle",
    "stale_subjects",
    "take_key_table",
    "whole_key_table",
]
