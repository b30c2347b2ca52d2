"""How domain outcomes become Airflow's, and that nothing a library quotes gets into the task log."""

import logging
import warnings

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from pacs2trial.errors import (
    BalanceError,
    HeldError,
    InputError,
    PermanentError,
    ProofError,
    SetupError,
    TransientError,
    UnsafeObjectError,
)
from pacs2trial_airflow.outcomes import airflow_outcomes, discreet_libraries

NAME = "Quixote^Alonso"


@pytest.mark.parametrize(
    "error",
    [
        InputError("the definition is wrong"),
        SetupError("there is no secret"),
        PermanentError("the PACS refuses us"),
        BalanceError("LA-001: 2 missing"),
        ProofError("links: 1 dangling"),
        UnsafeObjectError("truncated", "the object ends early"),
    ],
)
def test_what_cannot_be_helped_by_repeating_fails_at_once_with_its_message(error: Exception):
    with pytest.raises(AirflowFailException, match=str(error)), airflow_outcomes():
        raise error


def test_what_may_pass_is_repeated():
    with pytest.raises(AirflowException, match="the line is down") as raised, airflow_outcomes():
        raise TransientError("the line is down")

    assert not isinstance(raised.value, AirflowFailException | AirflowSkipException)


def test_what_waits_for_a_person_is_skipped():
    with pytest.raises(AirflowSkipException, match="3 held"), airflow_outcomes():
        raise HeldError("LA-001: 3 held")


def test_an_unknown_fault_is_told_by_type_and_place_and_never_by_its_text():
    with pytest.raises(AirflowException) as raised, airflow_outcomes():
        int(NAME)

    told = str(raised.value)
    assert "unexpected ValueError" in told
    assert "test_outcomes.py" in told
    assert NAME not in told


def test_causes_do_not_come_along():
    with pytest.raises(AirflowFailException) as raised, airflow_outcomes():
        try:
            int(NAME)
        except ValueError as error:
            raise PermanentError("a value is no number") from error

    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_airflow_s_own_outcomes_pass():
    with pytest.raises(AirflowSkipException, match="enough"), airflow_outcomes():
        raise AirflowSkipException("enough")


@pytest.mark.parametrize("library", ["pydicom", "pynetdicom.events", "sqlalchemy.engine"])
def test_libraries_that_quote_values_are_silent_while_a_step_works(library: str, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    with discreet_libraries():
        logging.getLogger(library).error("Invalid value %s", NAME)
        logging.getLogger("pacs2trial.collect").info("12 objects")

    assert caplog.messages == ["12 objects"]


def test_warnings_are_silent_while_a_step_works_and_heard_again_after_it():
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with discreet_libraries():
            warnings.warn(f"Invalid value for VR UI: {NAME!r}", UserWarning, stacklevel=1)
        warnings.warn("heard", UserWarning, stacklevel=1)

    assert [str(warning.message) for warning in heard] == ["heard"]


def test_log_levels_are_put_back():
    before = logging.getLogger("pydicom").level
    with discreet_libraries():
        pass

    assert logging.getLogger("pydicom").level == before
