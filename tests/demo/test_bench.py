"""The bench measures what it says: sizes of its files, pairs of rounds, and stages that do their work."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import pydicom
import pytest

from pacs2trial.settings import Settings
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import Vault
from pacs2trial_demo.bench import growth
from pacs2trial_demo.bench.files import write_sets
from pacs2trial_demo.bench.measure import Taken, measure, times_as_fast
from pacs2trial_demo.bench.packages import package_peers
from pacs2trial_demo.bench.peers import Peer, in_python
from pacs2trial_demo.bench.rules import rules_tables
from pacs2trial_demo.bench.stages import stage_1, stage_2
from pacs2trial_demo.bench.vault import BATCHES, TRIAL, costs
from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.identities import LUCZYNSKA
from support.programs import need


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    return dict(write_sets(tmp_path_factory.mktemp("bench"), slices=3, mr_slices=2, structure_sets=2))


def test_files_have_the_size_that_is_spoken_of(sets: dict[str, list[Path]]) -> None:
    sizes = {kind: {path.stat().st_size for path in files} for kind, files in sets.items()}
    assert all(0.52e6 < size < 0.54e6 for size in sizes["CT"])
    assert all(0.128e6 < size < 0.14e6 for size in sizes["MR"])
    assert all(4.5e6 < size < 5.6e6 for size in sizes["RTSTRUCT"])


def test_both_stages_make_every_object(sets: dict[str, list[Path]], tmp_path: Path) -> None:
    for kind, files in sets.items():
        staged, made = tmp_path / f"{kind}1", tmp_path / f"{kind}2"
        staged.mkdir()
        made.mkdir()
        stage_1(files[:2], staged)
        stage_2(sorted(staged.iterdir()), made)
        read = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(made.iterdir())]
        assert [str(one.PatientID) for one in read] == ["B-001"] * 2


def test_a_peer_works_on_no_more_files_and_rounds_than_it_is_meant_to(
    sets: dict[str, list[Path]], tmp_path: Path
) -> None:
    seen: dict[str, list[int]] = {"all": [], "some": []}
    whole = Peer("all", lambda files, _: seen["all"].append(len(files)))
    some = Peer("some", lambda files, _: seen["some"].append(len(files)), most_bytes=1_200_000, rounds=1)
    taken = measure({whole: sets["CT"], some: sets["CT"]}, tmp_path / "out", rounds=3)
    assert seen == {"all": [3] * 4, "some": [2] * 2}
    assert {name: len(rounds) for name, rounds in taken.items()} == {"all": 3, "some": 1}
    assert not (tmp_path / "out").exists()


def test_what_a_program_in_python_needs_to_start_is_told_apart(sets: dict[str, list[Path]], tmp_path: Path) -> None:
    [taken] = measure({in_python("pydicom read + write"): sets["MR"]}, tmp_path / "out", rounds=1)[
        "pydicom read + write"
    ]
    assert 0 < taken.cpu < taken.start


def test_ratios_are_of_the_same_round() -> None:
    ours = [Taken(1.0, 1.0), Taken(10.0, 10.0), Taken(1.0, 1.0)]
    theirs = [Taken(2.0, 4.0), Taken(20.0, 40.0), Taken(2.0, 4.0)]
    assert times_as_fast(ours, theirs) == Taken(2.0, 4.0)


def test_the_bench_of_growth_stages_in_turns(tmp_path: Path) -> None:
    small, large = growth.costs(tmp_path, sizes=(100, 200), rounds=1)
    assert (small.staged, large.staged, small.ratio) == (100, 200, 1)
    assert min(large.milliseconds, large.ratio) > 0
    for size in ("100", "200"):
        assert len(list((tmp_path / size / "staging").rglob("*.dcm"))) == int(size) + 100


def test_the_vault_bench_grows_a_scope_and_measures(tmp_path: Path) -> None:
    settings = [Settings(home=tmp_path / name, durable=False) for name in ("small", "large")]
    for one in settings:
        Vault.create(one)
    for scope in (STAGING, TRIAL):
        found = costs(settings, scope, sizes=(1_000, 2_000))
        assert tuple(found) == BATCHES
        for small, large in found.values():
            assert (small.rows, large.rows) == (1_000, 2_000)
            assert (small.new_ratio, small.known_ratio) == (1, 1)
            assert min(large.new, large.known, large.new_ratio, large.known_ratio) > 0


def test_the_share_of_the_rules_in_stage_1_is_told_for_each_kind(sets: dict[str, list[Path]], tmp_path: Path) -> None:
    (table,) = rules_tables(sets, tmp_path, rounds=1)
    kinds, stage, rules, *_ = (list(column.cells) for column in table.columns)
    assert kinds == ["CT", "MR", "RTSTRUCT"]
    assert all(0 < float(part) < float(whole) for part, whole in zip(rules, stage, strict=True))


def test_processor_time_of_a_server_counts_beside_its_client(tmp_path: Path) -> None:
    need("Orthanc")
    (staged := tmp_path / "staged").mkdir()
    for number, dataset in enumerate(study(LUCZYNSKA, when=date(2024, 3, 13), parts={"CT"}, slices=8, matrix=512)):
        (staged / f"{number}.dcm").write_bytes(part10(dataset))
    (tmp_path / "home").mkdir()
    with package_peers(sorted(staged.iterdir()), tmp_path / "home") as found:
        (orthanc,) = [peer for peer in found if peer.name.startswith("Orthanc")]
        (tmp_path / "out").mkdir()
        wall, cpu, _ = orthanc.run([], tmp_path / "out") or (0.0, 0.0, 0.0)
    with zipfile.ZipFile(tmp_path / "out" / "a.zip") as archive:
        assert len(archive.namelist()) == 8
    assert 0.01 < cpu < wall * 4
