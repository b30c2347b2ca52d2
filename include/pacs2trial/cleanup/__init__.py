"""Cleanup: staged data and packages of a trial go when no other trial needs them and the PACS has the originals."""

from pacs2trial.cleanup.choice import Expiry, expiry_of
from pacs2trial.cleanup.subject import Cleaned, clean_subject, cleanable_subjects

__all__ = ["Cleaned", "Expiry", "clean_subject", "cleanable_subjects", "expiry_of"]
