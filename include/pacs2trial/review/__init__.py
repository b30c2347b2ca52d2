"""Review: a person looks at what would leave and says whether it may; one question a content."""

from pacs2trial.review.answers import approve, approve_without, hold, reject, require_other_eyes
from pacs2trial.review.asking import ask
from pacs2trial.review.history import Said, history
from pacs2trial.review.keeping import hold_series, reject_series, take_back
from pacs2trial.review.prompts import give_back, put_questions, ready_subjects, run_out, take_questions
from pacs2trial.review.proposals import Wish, as_yaml, proposed
from pacs2trial.review.series import SeriesItem, series_of
from pacs2trial.review.state import ReviewItem, ReviewState, open_questions, open_subjects, reviews
from pacs2trial.review.word import Word
from pacs2trial.trials.reasons import COMMENT_WARNING, WORDS, Reason, reason_of

__all__ = [
    "COMMENT_WARNING",
    "WORDS",
    "Reason",
    "ReviewItem",
    "ReviewState",
    "Said",
    "SeriesItem",
    "Wish",
    "Word",
    "approve",
    "approve_without",
    "as_yaml",
    "ask",
    "give_back",
    "history",
    "hold",
    "hold_series",
    "open_questions",
    "open_subjects",
    "proposed",
    "put_questions",
    "ready_subjects",
    "reason_of",
    "reject",
    "reject_series",
    "require_other_eyes",
    "reviews",
    "run_out",
    "series_of",
    "take_back",
    "take_questions",
]
