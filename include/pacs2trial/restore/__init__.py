"""Restore: staged data and packages of a trial come back from PACS, vault and secret (promise 7)."""

from pacs2trial.restore.losses import Losses, losses
from pacs2trial.restore.subject import Restored, restorable_subjects, restore_subject

__all__ = ["Losses", "Restored", "losses", "restorable_subjects", "restore_subject"]
