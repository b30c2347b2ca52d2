"""Delivery: proven and reviewed packages to the destinations of a trial."""

from pacs2trial.delivery.deliver import Receipt, deliver_subject
from pacs2trial.delivery.review import ReviewItem, ReviewState, approve, hold, reject, reviews

__all__ = ["Receipt", "ReviewItem", "ReviewState", "approve", "deliver_subject", "hold", "reject", "reviews"]
