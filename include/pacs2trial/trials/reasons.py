"""Why a person keeps something back: from a list, so that no reason can name anybody."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pacs2trial.errors import InputError


class Reason(StrEnum):
    """Why a content, a study or a series is rejected or held; the word stands in rules, logs and tables."""

    IDENTITY_IN_IMAGE = "identity-in-image"
    IDENTITY_IN_HEADER = "identity-in-header"
    OTHER_PATIENT = "other-patient"
    NOT_PROTOCOL = "not-protocol"
    INCOMPLETE = "incomplete"
    QUALITY = "quality"
    CONSENT = "consent"
    QUESTION = "question"
    OTHER = "other"


WORDS: Final = {
    Reason.IDENTITY_IN_IMAGE: "A name, number or face can be seen in the image",
    Reason.IDENTITY_IN_HEADER: "A text still identifies the patient",
    Reason.OTHER_PATIENT: "It may be of another patient",
    Reason.NOT_PROTOCOL: "The protocol does not ask for it",
    Reason.INCOMPLETE: "Something belongs to it that is not here",
    Reason.QUALITY: "It cannot be used (artefacts, wrong reconstruction)",
    Reason.CONSENT: "Consent is missing or was withdrawn",
    Reason.QUESTION: "A question has to be answered first",
    Reason.OTHER: "Another reason, told in the comment",
}
"""Each reason as a person reads it."""

COMMENT_WARNING: Final = "Do not write names, hospital numbers or dates of birth: other people read this comment."
LONGEST_COMMENT: Final = 1000


def reason_of(text: str) -> Reason:
    """The reason that ``text`` names.

    Raises:
        InputError: none; what was given is not repeated.
    """
    try:
        return Reason(text)
    except ValueError:
        raise InputError(f"a reason is one of {', '.join(Reason)}") from None


def require_explained(reason: Reason | None, comment: str) -> Reason:
    """The reason, if it says enough.

    Raises:
        InputError: there is none, it is ``other`` without a comment, or the comment is too long.
    """
    if reason is None:
        raise InputError(f"a rejection or a hold needs a reason: {', '.join(Reason)}")
    if reason is Reason.OTHER and not comment.strip():
        raise InputError("reason other needs a comment that tells which")
    if len(comment) > LONGEST_COMMENT:
        raise InputError(f"a comment has at most {LONGEST_COMMENT} characters")
    return reason


def told(reason: Reason | None, comment: str) -> str:
    """Reason and comment as the audit has them."""
    return ": ".join(filter(None, (reason.value if reason else "", comment.strip())))
