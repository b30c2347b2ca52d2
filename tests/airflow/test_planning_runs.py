"""What the first step of a run makes of the trigger form, and what then becomes of the other steps."""

from support.dag_runs import Runs

STEPS_AFTER_PLAN = ["retrieve", "stage", "filter", "collect", "verify", "deliver", "balance"]


def test_a_dry_run_counts_and_skips_every_other_step(runs: Runs):
    assert runs.dry.state == "success"
    assert runs.dry.tasks["plan"] == "success"
    assert [runs.dry.tasks[step] for step in STEPS_AFTER_PLAN] == ["skipped"] * 7
    assert "DL-001: 2 studies" in runs.dry.log
    assert "It would be for: DL-001, DL-002, DL-003" in runs.dry.log


def test_a_window_in_which_nobody_has_a_study_ends_well_with_nothing_done(runs: Runs):
    assert runs.elsewhen.state == "success"
    assert [runs.elsewhen.tasks[step] for step in STEPS_AFTER_PLAN] == ["skipped"] * 7
    assert "study dates 2020-01-01 to 2020-12-31 (trigger form)" in runs.elsewhen.log


def test_an_unknown_subject_fails_the_run_at_once_and_is_named(runs: Runs):
    assert runs.unknown_subject.state == "failed"
    assert runs.unknown_subject.tasks["plan"] == runs.unknown_subject.tasks["balance"] == "failed"
    assert {runs.unknown_subject.tasks[step] for step in STEPS_AFTER_PLAN[:-1]} == {"upstream_failed"}
    assert "DL-999" in runs.unknown_subject.log


def test_a_field_that_the_form_does_not_have_fails_the_run(runs: Runs):
    assert runs.unknown_field.state == "failed"
    assert "1 field(s) that the trigger form does not have" in runs.unknown_field.log
