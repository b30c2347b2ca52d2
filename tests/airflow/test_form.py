"""The trigger form: what it lets pass, and what the first step refuses although Airflow let it pass."""

from datetime import date
from typing import Any

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from pacs2trial.errors import InputError
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial_airflow.custody_form import cleanup_form, restore_form
from pacs2trial_airflow.form import Form, Remake, read_form, trigger_form
from pacs2trial_airflow.incoming import incoming_form
from pacs2trial_airflow.key_tables import key_form

HOSPITAL_ID = "RXH4711"


@pytest.fixture
def definition() -> TrialDefinition:
    return TrialDefinition.model_validate(
        {
            "trial": "LUNGART",
            "sponsor": "A sponsor",
            "protocol": "P1",
            "keys": {"file": "lungart.csv"},
            "subject_key": "LA-[0-9]{3}|LX-[0-9]{2}",
            "source": {"pacs": "main", "modalities": ["CT"]},
        }
    )


def accepts(field: Param, value: Any) -> bool:
    try:
        field.resolve(value)
    except ParamValidationError:
        return False
    return True


def test_the_form_as_it_opens_is_valid_and_asks_for_all_subjects_and_dates(definition: TrialDefinition):
    values = {name: field.resolve() for name, field in trigger_form(definition).items()}

    assert read_form(values, definition) == Form()


def test_a_hospital_id_in_place_of_a_subject_key_is_refused_before_airflow_stores_it(definition: TrialDefinition):
    subjects = trigger_form(definition)["subjects"]

    assert accepts(subjects, ["LA-001", "LX-01"])
    for wrong in (HOSPITAL_ID, "LA-001x", "xLX-01", "LA-0012"):
        assert not accepts(subjects, ["LA-001", wrong]), wrong


@pytest.mark.parametrize("field", ["date_from", "date_to"])
def test_dates_are_dates_or_nothing(field: str, definition: TrialDefinition):
    param = trigger_form(definition)[field]

    assert accepts(param, None)
    assert accepts(param, "2026-02-28")
    for wrong in ("2026-02-30", "28.2.2026", 20260228, ""):
        assert not accepts(param, wrong), wrong


def test_what_was_typed_is_read_back(definition: TrialDefinition):
    typed = {"subjects": ["LA-002", "LA-001", "LA-002"], "date_from": "2026-01-31", "date_to": None, "dry_run": True}
    typed["remake"] = "everything"

    assert read_form(typed, definition) == Form(
        ("LA-002", "LA-001"), date(2026, 1, 31), None, Remake.EVERYTHING, dry_run=True
    )


def test_an_emptied_field_and_the_end_of_the_last_line_are_no_subjects(definition: TrialDefinition):
    """Airflow's form makes null of the one, and an empty value of the other."""
    subjects = trigger_form(definition)["subjects"]
    assert accepts(subjects, None)
    assert accepts(subjects, ["LA-001", ""])
    assert read_form({"subjects": None}, definition).subjects == ()
    assert read_form({"subjects": ["LA-001", ""]}, definition).subjects == ("LA-001",)


def test_no_field_that_may_stay_empty_is_marked_as_one_to_fill(definition: TrialDefinition):
    """Airflow's form marks every field whose types leave out null."""
    for form in (trigger_form(definition), restore_form(["A"]), cleanup_form(["A"]), key_form(), incoming_form()):
        for name, field in form.items():
            filled = field.schema["type"] == "string" and (field.value is not None or name == "trial")
            assert filled or "null" in field.schema["type"], name
            assert None not in field.schema.get("enum", []), name


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({HOSPITAL_ID: "x"}, "1 field(s) that the trigger form does not have"),
        ({"patient": HOSPITAL_ID}, "1 field(s) that the trigger form does not have"),
        ({"subjects": ["LA-001", HOSPITAL_ID]}, "subjects, number 2: not of the form"),
        ({"subjects": ["LA-001\n"]}, "subjects, number 1: not of the form"),
        ({"subjects": [4711]}, "subjects, number 1: not of the form"),
        ({"subjects": HOSPITAL_ID}, "subjects: not a list"),
        ({"subjects": 4711}, "subjects: not a list"),
        ({"date_from": HOSPITAL_ID}, "date_from: not a date"),
        ({"date_to": 4711}, "date_to: not a date"),
        ({"dry_run": HOSPITAL_ID}, "dry_run: neither true nor false"),
        ({"remake": HOSPITAL_ID}, "remake: not one of changed, everything"),
        ({"remake": [HOSPITAL_ID]}, "remake: not one of changed, everything"),
    ],
)
def test_what_airflow_lets_pass_is_refused_without_repeating_it(
    typed: dict[str, Any], problem: str, definition: TrialDefinition
):
    with pytest.raises(InputError) as refused:
        read_form(typed, definition)

    assert problem in str(refused.value)
    assert "4711" not in str(refused.value)


def test_everything_that_is_wrong_is_told_at_once(definition: TrialDefinition):
    with pytest.raises(InputError) as refused:
        read_form({"subjects": ["a", "b"], "date_from": "c", "else": 1}, definition)

    assert len(refused.value.problems) == 4
