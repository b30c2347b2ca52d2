"""Passes of subjects from filter to delivery: who has anything to do, and what a run came to."""

from pacs2trial.passes.passes import begin, due, end
from pacs2trial.passes.summary import Summary, summary

__all__ = ["Summary", "begin", "due", "end", "summary"]
