"""A trial's DAG from form to delivered package, several times, against a real PACS and receiver in this process."""

import hashlib
import re
from pathlib import Path

from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

from pacs2trial.holdings.runs import run_account
from pacs2trial_airflow.pages.airflow_runs import airflow_run
from pacs2trial_demo.identities import IDENTITIES, planted_in
from support.dag_runs import SENT, STRANGER, Ended, Runs
from support.leaks import original_uids

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


def test_the_run_succeeds_with_every_step_of_every_subject_that_has_data(runs: Runs):
    assert runs.first.state == "success"
    assert runs.first.tasks["plan"] == runs.first.tasks["stage"] == runs.first.tasks["balance"] == "success"
    assert runs.first.tasks["retrieve"] == {"DL-001 to DL-003 (3)": "success"}
    for step in ("filter", "collect", "verify", "deliver"):
        assert runs.first.tasks[step]["DL-001"] == runs.first.tasks[step]["DL-002"] == "success"


def test_a_subject_without_data_is_skipped_and_hinders_nobody(runs: Runs):
    assert runs.first.tasks["collect"]["DL-003"] == "skipped"
    for step in ("verify", "deliver"):
        assert sorted(runs.first.tasks[step].values()) == ["skipped", "success", "success"]


def test_packages_arrive(runs: Runs):
    assert set(runs.first.delivered) == {"DL-001.zip", "DL-002.zip"}


def test_a_second_run_makes_the_same_bytes_and_delivers_nothing_new(runs: Runs):
    assert runs.second.state == "success"
    assert runs.second.delivered == runs.first.delivered
    assert "has this content already" in runs.second.log
    assert ": delivered" not in runs.second.log


def test_a_run_without_anything_new_asks_accounts_and_does_nothing_else(runs: Runs):
    assert runs.unchanged.state == "success"
    done = {name for name, state in runs.unchanged.tasks.items() if state == "success"}
    assert done == {"plan", "balance"}
    assert len(runs.unchanged.tasks) == 8
    assert "something is to be fetched or made for 0." in runs.unchanged.log
    assert "3 subjects; 0 packages made, 0 deliveries." in runs.unchanged.log


def test_the_log_tells_by_what_rules_a_run_works_and_what_started_it(runs: Runs):
    assert "Started by hand" in runs.first.log
    assert re.search(
        r"Rules: definition \w{12}, staging plan \w{12}, key table version 1 \(\w{12}\), pacs2trial \d", runs.first.log
    )


def test_what_waits_for_a_person_skips_its_own_subject_only_and_the_run_ends_well(runs: Runs):
    assert runs.plan.state == "success"
    assert runs.plan.tasks["collect"] == {"DP-001": "success", "DP-002": "skipped", "DP-003": "success"}
    for step in ("verify", "deliver"):
        assert runs.plan.tasks[step]["DP-001"] == "success"
        assert sorted(runs.plan.tasks[step].values()) == ["skipped", "success", "success"]
    assert "DP-002: 1 held for a person; see pacs2trial quarantine DEMO-PLAN" in runs.plan.log


def test_what_a_scanner_sent_wakes_its_trial_once_and_is_delivered(runs: Runs):
    assert runs.incoming.state == "success"
    assert runs.incoming.tasks == {"arrivals": "success", "wake": {"DEMO-PLAN": "success"}}
    with create_session() as session:
        query = (
            select(AssetModel.name, AssetEvent.extra)
            .join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
            .where(AssetEvent.source_run_id == runs.incoming.run_id)
        )
        ((name, extra),) = session.execute(query).all()
    assert name == "pacs2trial/DEMO-PLAN/incoming"
    assert extra["subjects"] == ["DP-003"]
    assert runs.nothing_new.tasks["arrivals"] == "skipped"
    delivered = {name.partition("_")[0] for name in runs.plan.delivered.keys() - runs.second.delivered.keys()}
    assert delivered == {"DP-001", "DP-003"}


def test_what_belongs_to_nobody_waits_and_the_log_tells_by_pseudonym(runs: Runs):
    waiting = [line for line in runs.incoming.log.splitlines() if "Waits for an enrolment" in line]
    assert len(waiting) == 1
    assert "push:SCANNER1" in waiting[0]
    told = "".join(one.log for one in runs.all)
    assert STRANGER.patient_id not in told
    assert SENT.patient_id not in told


def test_the_log_tells_counts_digests_and_the_balance(runs: Runs):
    for told in ("content digest", "sha256", "expected", "collected", "all 3"):
        assert told in runs.first.log


def test_what_the_library_logs_stands_in_the_task_log(runs: Runs):
    assert "pacs2trial.retrieve" in runs.first.log
    assert "pacs2trial.collect" in runs.first.log


def test_events_of_the_assets_carry_counts_and_a_digest(runs: Runs):
    with create_session() as session:
        query = (
            select(AssetModel.name, AssetEvent.extra)
            .join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
            .where(AssetEvent.source_run_id == runs.first.run_id)
        )
        events = session.execute(query).all()
    of = {name.removeprefix("pacs2trial/DEMO-LUNG/"): extra for name, extra in events}

    assert set(of) == {"planned", "retrieved", "staged", "filtered", "packages", "verified", "deliveries", "balance"}
    assert all(len(extra["digest"]) == 64 for extra in of.values())
    assert of["staged"]["staged"] == of["planned"]["expected"] > 0
    assert of["balance"]["missing"] == 0
    rules = of["packages"]["rules"]
    assert (rules["key_version"], len(rules["definition"])) == (1, 64)


def test_the_same_state_gives_the_same_digests(runs: Runs):
    def digests(run: Ended) -> set[tuple[str, str]]:
        with create_session() as session:
            query = select(AssetModel.name, AssetEvent.extra).join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
            rows = session.execute(query.where(AssetEvent.source_run_id == run.run_id)).all()
        return {(name, extra["digest"]) for name, extra in rows if name.rsplit("/")[-1] in ("packages", "balance")}

    assert digests(runs.first) == digests(runs.second)


def test_xcom_holds_run_keys_subject_keys_and_package_ids_only(runs: Runs):
    with create_session() as session:
        query = select(XComModel.task_id, XComModel.key, XComModel.value).where(XComModel.run_id == runs.first.run_id)
        found = {(task, key): value for task, key, value in session.execute(query)}
    run_key = found.pop(("plan", "run_key"))

    assert isinstance(run_key, str)
    assert found.pop(("plan", "subjects")) == ["DL-001", "DL-002", "DL-003"]
    told = str(found.pop(("balance", "summary")))
    assert told.startswith("Trial DEMO-LUNG\n3 subjects; 2 packages made, 2 deliveries.\nInstances: ")
    assert found.pop(("balance", "held")) is False
    assert found.pop(("plan", "return_value")) == [["DL-001", "DL-002", "DL-003"]]
    assert found.pop(("stage", "return_value")) == ["DL-001", "DL-002", "DL-003"]
    assert all(isinstance(package_id, int) for package_id in found.pop(("collect", "return_value")))
    assert not found


def test_a_run_is_accounted_for_by_airflow_and_the_vault_together(runs: Runs):
    told = airflow_run("trial_DEMO-LUNG", runs.first.run_id)
    assert told.state == "success"
    assert told.steps["collect"] == {"success": 2, "skipped": 1}
    account = run_account(runs.site.ws.vault, told.run_key)
    assert account.trial == "DEMO-LUNG"
    assert account.expected.keys() == {"DL-001", "DL-002"}
    assert all(studies and instances for studies, instances in account.expected.values())
    assert airflow_run("trial_DEMO-LUNG", runs.dry.run_id).run_key == ""


def test_nothing_that_airflow_kept_or_logged_holds_an_identity(runs: Runs, airflow_home: Path):
    uids = original_uids(runs.site.originals)
    files = [path for path in airflow_home.rglob("*") if path.is_file()]
    texts = {"log": "".join(ended.log for ended in runs.all).encode()}
    texts |= {str(path): path.read_bytes() for path in files}

    assert any(path.name == "airflow.db" for path in files)
    for where, content in texts.items():
        assert not planted_in(content, *IDENTITIES), where
        assert not [uid for uid in uids if uid.encode() in content], where


def test_what_cleanup_removes_restore_brings_back_byte_by_byte(runs: Runs):
    assert (runs.cleanup.state, runs.restore.state) == ("success", "success")
    assert runs.cleanup.tasks["cleanup"] == {f"DEMO-LUNG/DL-00{number}": "success" for number in (1, 2, 3)}
    assert runs.restore.tasks["restore"] == {f"DEMO-LUNG/DL-00{number}": "success" for number in (1, 2, 3)}
    packages = runs.site.home / "packages" / "DEMO-LUNG"
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in packages.glob("*.zip")}
    assert found
    assert found.items() <= runs.second.delivered.items()
    assert "removed DEMO-LUNG/DL-001.zip" in runs.cleanup.log
    assert "DEMO-LUNG/DL-001.zip: restored" in runs.restore.log
