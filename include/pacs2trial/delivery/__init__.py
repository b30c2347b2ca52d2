"""Delivery: proven and reviewed packages to the destinations of a trial."""

from pacs2trial.delivery.deliver import Receipt, deliver_subject

__all__ = ["Receipt", "deliver_subject"]
