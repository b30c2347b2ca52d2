"""The error tree, named by what the caller must do.

No message may carry an original identifier: errors end up in task logs, on terminals and in Airflow's database.
A message says what is wrong, where (file, line, field) and what to do.
"""

from __future__ import annotations

from datetime import datetime


class Pacs2TrialError(Exception):
    """Base of every error that pacs2trial raises on purpose."""


class InputError(Pacs2TrialError):
    """What a person typed or supplied is wrong; the same call can never succeed. Exit status 2, never retried.

    ``problems`` lists everything that is wrong, one line each, so that it can be mended in one go.
    """

    def __init__(self, *problems: str) -> None:
        self.problems: tuple[str, ...] = problems
        super().__init__("\n".join(problems))


class NotAvailableError(InputError):
    """The command or option exists in the public interface, but its room is not furnished yet. Exit status 2."""


class SetupError(Pacs2TrialError):
    """The installation is not right (secret, database, folder, port). Exit status 2, never retried."""


class PermanentError(Pacs2TrialError):
    """The work failed, and repeating it will not help. Exit status 1, a failed task without retry."""


class TransientError(Pacs2TrialError):
    """Network, disk or database was short of something; repeating later may succeed. Exit status 1, task is retried."""


class ClosedError(TransientError):
    """The far end may not be used at this hour; repeating succeeds from :attr:`opens` on, an aware moment."""

    def __init__(self, message: str, opens: datetime) -> None:
        self.opens = opens
        super().__init__(message)


class BalanceError(PermanentError):
    """Instances are unaccounted for: what was expected is not what is there (promise 4)."""


class ProofError(PermanentError):
    """An independent check of a package failed; nothing may be delivered (promise 9). Says where, never what."""


class HeldError(Pacs2TrialError):
    """Nothing failed, but something waits for a person. Exit status 3, a skipped task."""


class UnsafeObjectError(Pacs2TrialError):
    """One DICOM object cannot be handled safely and belongs in quarantine.

    ``reason`` is a short code such as ``truncated`` or ``no-patient-id``; ``detail`` explains it without a value.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")
