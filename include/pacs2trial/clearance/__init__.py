"""Clearance: what is suspected for its pixels is looked at, and enters staging clean, or stays for a person."""

from pacs2trial.clearance.subject import filter_subject

__all__ = ["filter_subject"]
