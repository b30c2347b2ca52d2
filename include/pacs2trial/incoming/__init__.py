"""What came unasked: whose it is by the key tables, which trials have work with it, what waits for an enrolment."""

from pacs2trial.incoming.expiry import Expired, expire
from pacs2trial.incoming.news import Ready, hand_over, ready
from pacs2trial.incoming.unmatched import UnmatchedStudy, unmatched

__all__ = ["Expired", "Ready", "UnmatchedStudy", "expire", "hand_over", "ready", "unmatched"]
