"""What a person says of something under review, and who says it."""

from __future__ import annotations

from dataclasses import dataclass

from pacs2trial.trials.reasons import Reason, require_explained, told


@dataclass(frozen=True)
class Word:
    """A person's word.

    Attributes:
        actor: who says it; stands in the audit.
        reason: why something does not leave.
        comment: stands in the audit and nowhere else.
    """

    actor: str
    reason: Reason | None = None
    comment: str = ""

    def explained(self) -> Reason:
        """The reason; InputError when it does not say enough to keep something back."""
        return require_explained(self.reason, self.comment)

    def told(self) -> str:
        """Reason and comment as the audit has them."""
        return told(self.reason, self.comment)
