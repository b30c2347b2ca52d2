"""Stage 2: the packages of a subject."""

from pacs2trial.collect.made import PackageMade
from pacs2trial.collect.subject import collect_subject

__all__ = ["PackageMade", "collect_subject"]
