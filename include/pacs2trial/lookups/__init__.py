"""Look-ups: values of a subject that stand in other tables and databases of the hospital, and that rules write."""

from pacs2trial.lookups.answers import Answer, Answers, Asked, Recorded
from pacs2trial.lookups.question import Question
from pacs2trial.lookups.questions import About, questions

__all__ = ["About", "Answer", "Answers", "Asked", "Question", "Recorded", "questions"]
