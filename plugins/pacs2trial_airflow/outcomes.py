"""Domain outcomes as Airflow outcomes, and what keeps identities out of the task log on the way."""

from __future__ import annotations

import logging
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from pacs2trial.errors import HeldError, Pacs2TrialError, TransientError


class ShortageError(AirflowException):
    """Network, disk or database was short of something: a repetition may succeed."""


class UnexpectedError(AirflowException):
    """A fault of pacs2trial or of a library, told by type and place."""


def retries() -> ExceptionRetryPolicy:
    """How steps are repeated; the reason stands with the try in Airflow's UI.

    Shortages are repeated after the delays of the task, a fault nobody expected once a moment later. What cannot be
    helped by repeating has failed at once already (:class:`AirflowFailException`).
    """
    return ExceptionRetryPolicy(
        rules=[
            RetryRule(AirflowFailException, RetryAction.FAIL, reason="repeating cannot help"),
            RetryRule(ShortageError, RetryAction.RETRY, reason="network, disk or database was short of something"),
            RetryRule(UnexpectedError, RetryAction.RETRY, timedelta(seconds=30), reason="a fault nobody expected"),
        ]
    )


_QUOTING = ("httpcore", "httpx", "pydicom", "pynetdicom", "sqlalchemy")
"""Libraries that quote values in what they log or warn of."""


@contextmanager
def airflow_outcomes() -> Iterator[None]:
    """Turn what the library raises into success, skip, retry and failure.

    - :class:`HeldError`: something waits for a person; the task is skipped with the message.
    - :class:`TransientError`: the task is retried.
    - every other :class:`Pacs2TrialError`: the task fails at once; repeating cannot help.
    - anything else is a fault of ours or of a library: the task is retried, and the log tells its type and place but
      never its text, which may quote a value of a data set (promise 1).

    Causes are cut off (``from None``) for the same reason.
    """
    try:
        yield
    except HeldError as error:
        raise AirflowSkipException(str(error)) from None
    except TransientError as error:
        raise ShortageError(str(error)) from None
    except Pacs2TrialError as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from None
    except AirflowException:
        raise
    except Exception as error:  # noqa: BLE001 - see above: nothing unknown may reach the log with its text
        raise UnexpectedError(f"unexpected {type(error).__name__} {place(error)}") from None


def place(error: BaseException) -> str:
    """Where an exception came from, innermost frame first, as modules, functions and lines: no values."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(
        f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    )


@contextmanager
def discreet_libraries() -> Iterator[None]:
    """Silence libraries that quote values, whatever log level the deployment sets, for as long as a step works.

    Each of their loggers is silenced by itself: one with a level of its own does not heed its parent's.
    """
    known = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in _QUOTING]
    loggers = [logging.getLogger(name) for name in {*_QUOTING, *known}]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
