"""Look-ups: values of a subject that stand in other tables and databases of the hospital, and that rules write."""

from pacs2trial.lookups.answers import Answer, Asked, Recorded
from pacs2trial.lookups.question import Question

__all__ = ["Answer", "Asked", "Question", "Recorded"]
