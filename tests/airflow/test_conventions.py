"""What users of Airflow expect of operators and hooks of a provider."""

import inspect
import re
from datetime import timedelta

import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowFailException

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial_airflow.hooks.dicom import DicomHook
from pacs2trial_airflow.operators import balance, custody, dicom, incoming, keys, subject
from pacs2trial_airflow.operators.base import SiteOperator
from pacs2trial_airflow.outcomes import airflow_outcomes, retries

OPERATORS = sorted(
    {
        found
        for module in (balance, custody, dicom, incoming, keys, subject)
        for _name, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, SiteOperator) and not inspect.isabstract(found) and found.__module__ == module.__name__
    },
    key=lambda found: found.__name__,
)


def documented(kind: type) -> set[str]:
    """Parameters that the docstrings of a class and of those above it name."""
    texts = [inspect.getdoc(one) or "" for one in kind.__mro__ if one is not BaseOperator]
    return {name for text in texts for name in re.findall(r":param (\w+):", text)}


def parameters(kind: type) -> set[str]:
    """Parameters of its own constructors, Airflow's left out."""
    own = [one for one in kind.__mro__ if "__init__" in vars(one) and one.__module__.startswith("pacs2trial_airflow")]
    return {
        name
        for one in own
        for name, given in inspect.signature(one.__init__).parameters.items()
        if name != "self" and given.kind is not inspect.Parameter.VAR_KEYWORD
    }


@pytest.mark.parametrize("kind", [*OPERATORS, DicomHook], ids=lambda kind: kind.__name__)
def test_every_parameter_is_documented(kind: type):
    assert parameters(kind) <= documented(kind)


@pytest.mark.parametrize("kind", OPERATORS, ids=lambda kind: kind.__name__)
def test_what_is_said_to_be_templated_is_a_template_field_and_nothing_else(kind: type[SiteOperator]):
    texts = " ".join(inspect.getdoc(one) or "" for one in kind.__mro__ if one.__module__.startswith("pacs2trial"))
    said = {about.partition(":")[0] for about in texts.split(":param ")[1:] if "(templated)" in about}
    assert said == set(kind.template_fields)
    assert said <= parameters(kind)


@pytest.mark.parametrize(
    ("error", "action", "delay"),
    [
        (PermanentError("the PACS refuses us"), RetryAction.FAIL, None),
        (TransientError("the line is down"), RetryAction.RETRY, None),
        (RuntimeError("who knows"), RetryAction.RETRY, timedelta(seconds=30)),
    ],
)
def test_what_can_be_helped_by_repeating_is_repeated_and_nothing_else(
    error: Exception, action: RetryAction, delay: timedelta | None
):
    with pytest.raises(Exception) as raised, airflow_outcomes():
        raise error
    decision = retries().evaluate(raised.value, try_number=1, max_tries=3)
    assert (decision.action, decision.retry_delay) == (action, delay)
    assert decision.reason
    assert isinstance(raised.value, AirflowFailException) is (action is RetryAction.FAIL)


def test_every_operator_brings_the_policy_along():
    for kind in OPERATORS:
        given = dict.fromkeys(parameters(kind), "x")
        step = kind(task_id="step", **given)
        assert step.retry_policy.serialize() == retries().serialize(), kind
