"""Counts for Prometheus and for ``status``: of all workers together, without an identity."""

from __future__ import annotations

import threading
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydicom.dataset import FileDataset

from pacs2trial.errors import SetupError
from pacs2trial.receiver.callers import read_callers
from pacs2trial.receiver.metrics import Metrics
from pacs2trial.receiver.state import read_states
from pacs2trial.receiver.tally import Number, Outcome, Tally, Turned
from pacs2trial.receiver.watch import Watch
from pacs2trial.settings import Settings
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import LUCZYNSKA, planted_in
from support.processes import together
from support.programs import free_port
from support.raw_sender import request, send_raw, wire
from support.receivers import SENDER, receiver_process, send
from support.waiting import eventually

Samples = dict[tuple[str, str], float]


def scrape(port: int) -> tuple[str, Samples]:
    """What the endpoint says, and its samples by short name and the value of their label."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    samples = {
        (sample.name.removeprefix("pacs2trial_receiver_"), next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return text, samples


def test_what_several_workers_did_is_scraped_as_one(workspace: Workspace, rt_study: list[FileDataset], tmp_path: Path):
    metrics = free_port()
    settings = workspace.settings.model_copy(
        update={"metrics_port": metrics, "receiver_workers": 3, "receiver_allow": f"{SENDER}, CT2, *@127.0.0.0/8"}
    )
    batches = [rt_study[start::6] for start in range(6)]
    size = sum(len(ds.PixelData) for ds in rt_study if "PixelData" in ds)
    with receiver_process(settings, tmp_path / "log") as running:
        _, before = scrape(metrics)
        assert before["objects_total", "staged"] == 0
        statuses: list[int | None] = []
        senders = [
            threading.Thread(
                target=lambda batch=batch, calling=calling: statuses.extend(
                    send_raw(running.port, batch, calling=calling)
                )
            )
            for batch, calling in zip(batches, [SENDER, SENDER, "CT2", "LUCZYNSKA^ANNA"] * 2, strict=False)
        ]
        with wire(running.port, request(rt_study)):
            assert scrape(metrics)[1]["associations_open", ""] == 1
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
        assert statuses == [0] * len(rt_study)
        eventually(lambda: scrape(metrics)[1]["associations_open", ""] == 0)
        text, found = scrape(metrics)
    assert found["objects_total", "staged"] == len(rt_study) - 1
    assert found["objects_total", "quarantined"] == 1
    assert found["received_total", SENDER] == sum(map(len, (batches[0], batches[1], batches[4], batches[5])))
    assert found["received_total", "CT2"] == len(batches[2])
    assert found["received_total", "other"] == len(batches[3])
    assert found["store_seconds_count", ""] == found["store_seconds_bucket", "+Inf"] == len(rt_study)
    assert found["bytes_total", ""] > size
    assert found["associations_total", ""] == 7
    assert found["associations_broken_total", ""] == 1
    assert found["vault_reachable", ""] == 1
    assert found["disk_free_bytes", ""] > 0
    assert not planted_in(text.encode(), LUCZYNSKA)
    assert "LUCZYNSKA" not in text


def test_refusals_are_counted_by_status(workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path):
    metrics = free_port()
    settings = workspace.settings.model_copy(
        update={"metrics_port": metrics, "minimum_free_mb": 10**9, "receiver_allow": SENDER}
    )
    with receiver_process(settings, tmp_path / "log") as running:
        assert send_raw(running.port, planning_ct) == [0xA700] * len(planning_ct)
        with pytest.raises(AssertionError, match="PDU of type 3"):
            send_raw(running.port, planning_ct, calling="STRANGER")
        _, found = scrape(metrics)
    assert found["refusals_total", "0xA700"] == len(planning_ct)
    assert found["objects_total", "staged"] == 0
    assert found["turned_away_total", "calling_AE_title_not_recognized"] == 1


def test_there_are_no_metrics_unless_asked_for(workspace: Workspace):
    assert workspace.settings.metrics_port is None


def test_a_taken_port_of_the_metrics_is_told_with_the_remedy(workspace: Workspace):
    tally = Tally(read_callers(""))
    watch = Watch(workspace, tally, port=1, workers=1)
    first = Metrics(workspace.settings, tally, watch)
    taken = workspace.settings.model_copy(update={"metrics_port": first.port})
    where = f"on 127.0.0.1:{first.port}: Address already in use. Set PACS2TRIAL_METRICS_PORT"
    with pytest.raises(SetupError, match=where):
        Metrics(taken, tally, watch)
    first.stop()


def test_what_waits_for_a_person_is_seen(workspace: Workspace, receiver: int, rt_study: list[FileDataset]):
    watch = Watch(workspace, Tally(read_callers("")), port=1, workers=1)
    assert watch.look().waiting == 0
    send(receiver, [ds for ds in rt_study if ds.Modality == "US"])
    assert watch.look().waiting == 1


def test_a_vault_that_is_gone_is_seen(workspace: Workspace):
    watch = Watch(workspace, Tally(read_callers("")), port=1, workers=1)
    assert watch.look().vault
    workspace.vault.close()
    vault = workspace.settings.home / "vault.db"
    vault.rename(vault.with_name("elsewhere.db"))
    vault.mkdir()
    assert not watch.look().vault
    vault.rmdir()
    vault.with_name("elsewhere.db").rename(vault)
    assert watch.look().vault


def test_processes_count_into_one_tally():
    tally = Tally(read_callers("CT1"), workers=4)

    def work(number: int) -> None:
        mine = tally.worker(number)
        mine.association_opened()
        for _ in range(100):
            mine.object_answered(mine.object_came("CT1", 10), Outcome.STAGED)
        mine.object_answered(mine.object_came("ANYONE", 1), 0xC000)

    together([lambda number=number: work(number) for number in range(4)])
    counted = {key: tally.total(key) for key in tally.keys if tally.total(key)}
    assert counted.pop(Number.SECONDS) > 0
    assert abs(counted.pop(Number.LAST) - time.time()) < 60
    assert {key: value for key, value in counted.items() if key[0] != "within"} == {
        Number.BYTES: 4004, Number.ACCEPTED: 4, Number.OPEN: 4, Outcome.STAGED: 400, ("status", 0xC000): 4,
        ("from", "CT1"): 400, ("from", "other"): 4,
    }  # fmt: skip


def test_a_worker_that_follows_a_dead_one_counts_on_without_its_associations():
    tally = Tally(read_callers(""))
    dead = tally.worker(0)
    dead.association_opened()
    dead.object_came("CT1", 10)
    next_one = tally.worker(0)
    next_one.association_opened()
    next_one.turned_away(Turned.FULL)
    assert (tally.total(Number.ACCEPTED), tally.total(Number.OPEN), tally.total(Number.IN_WORK)) == (2, 1, 0)
    assert tally.total(Turned.FULL) == 1


def test_the_state_of_a_receiver_lies_in_home(workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path):
    settings: Settings = workspace.settings
    with receiver_process(settings, tmp_path / "log") as running:
        (state,) = read_states(settings)
        assert (state.words, state.port, state.vault) == ("running", running.port, True)
        send(running.port, planning_ct)
        assert running.terminate() == 0
    (state,) = read_states(settings)
    assert (state.words, state.counts["staged"], state.counts["associations"]) == ("ended", len(planning_ct), 0)
    assert not planted_in(next(settings.receivers.iterdir()).read_bytes(), LUCZYNSKA)
