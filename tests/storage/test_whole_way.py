"""A trial whose packages are kept in a bucket: the same digests as in a folder, from the PACS to the trial centre."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from pacs2trial.cleanup import clean_subject
from pacs2trial.delivery import deliver_subject
from pacs2trial.errors import PermanentError, ProofError, TransientError
from pacs2trial.passes import begin, due, end
from pacs2trial.restore import losses, restore_subject
from pacs2trial.settings import Settings
from pacs2trial.storage import bucket as room
from pacs2trial.vault.tables import PackageRow, PackageState
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import LUCZYNSKA
from pacs2trial_demo.pacs import DemoPacs
from support.far_ends import Line
from support.hospital import SECOND_DAY, Hospital, small_study
from support.object_stores import Bucket, new_bucket
from support.round_trip import SUBJECTS, Trial, copied_trial
from support.sites import TRIAL

KEY = "LA-001"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WAITS", (0.0,))
    monkeypatch.setattr(room, "ATTEMPTS", 1)


@dataclass
class Moved:
    """A site that kept its packages in a folder and made them anew in a bucket.

    Attributes:
        site: its folder.
        before: the packages as the folder kept them.
        objects: what the bucket held then.
    """

    site: Path
    before: dict[str, bytes]
    objects: dict[str, bytes]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, ran_once: Path, s3_endpoint: str) -> Moved:
    trial = copied_trial(ran_once, tmp_path_factory.mktemp("moved") / "site")
    before = trial.packages()
    trial.lose_packages()
    trial.site.define(retrieve="c-get", review="never", deliver=[{"to": "folder"}])
    with new_bucket(s3_endpoint) as bucket:
        hospital = Hospital(bucket.keeps(trial.ws))
        for key in SUBJECTS:
            hospital.verify(hospital.package(TRIAL, key))
        objects = bucket.held()
    trial.ws.vault.close()
    return Moved(trial.ws.settings.home.parent, before, objects)


@pytest.fixture
def folder(once: Moved) -> dict[str, bytes]:
    """The packages as a folder kept them, before there was a bucket."""
    return once.before


@pytest.fixture
def ran(tmp_path: Path, once: Moved, demo_pacs: DemoPacs, bucket: Bucket) -> Iterator[Trial]:
    """The same trial, whose packages are gone from the folder and were made anew in the bucket."""
    trial = copied_trial(once.site, tmp_path / "site")
    trial.site.connect(demo_pacs.aet, demo_pacs.port)
    trial.site.ws = bucket.keeps(trial.ws)
    for key, content in once.objects.items():
        bucket.it.put_object(Key=key, Body=content)
    yield trial
    trial.ws.vault.close()


@pytest.fixture
def moved(ran: Trial) -> Hospital:
    return Hospital(ran.ws)


def zips(bucket: Bucket) -> dict[str, bytes]:
    return {key.removeprefix("packages/"): content for key, content in bucket.held().items() if key.endswith(".zip")}


def local(hospital: Hospital) -> list[Path]:
    return [path for path in hospital.ws.settings.packages.rglob("*") if path.is_file()]


def receipt(bucket: Bucket) -> dict[str, object]:
    return dict(json.loads(bucket.held()[f"packages/{TRIAL}/{KEY}.zip.receipt.json"]))


def rows(hospital: Hospital) -> list[tuple[int, str, str]]:
    """Version, state and SHA-256 of the subject's packages."""
    with hospital.ws.vault.session(read_only=True) as session:
        found = session.scalars(
            select(PackageRow).where(PackageRow.path == f"{TRIAL}/{KEY}.zip").order_by(PackageRow.version)
        )
        return [(row.version, row.state, row.sha256) for row in found]


def test_the_packages_are_those_of_a_folder(moved: Hospital, folder: dict[str, bytes], bucket: Bucket) -> None:
    assert zips(bucket) == folder
    assert not local(moved)


def test_an_unchanged_one_is_told_by_asking_for_its_object(moved: Hospital) -> None:
    moved.package(TRIAL, KEY)
    again = moved.package(TRIAL, KEY)
    assert (again.changed, again.proven) == (False, True)
    assert again.address == f"s3://trial/packages/{TRIAL}/{KEY}.zip"


def test_they_are_delivered_from_there(moved: Hospital, folder: dict[str, bytes], bucket: Bucket) -> None:
    (done,) = deliver_subject(moved.ws, moved.ws.definition(TRIAL), KEY)
    assert Path(done.path).read_bytes() == folder[f"{TRIAL}/{KEY}.zip"]
    assert len(receipt(bucket)["deliveries"]) == 1  # type: ignore[arg-type]
    assert not local(moved)


def test_another_worker_shares_nothing_but_staging_and_vault(
    moved: Hospital, folder: dict[str, bytes], tmp_path: Path
) -> None:
    package = moved.package(TRIAL, KEY)
    changes = {"home": tmp_path / "elsewhere"}
    settings = Settings(**{**moved.ws.settings.model_dump(), **changes})
    settings.home.mkdir()
    settings.staging.symlink_to(moved.ws.settings.staging)
    other = Hospital(Workspace(settings, moved.ws.vault, moved.ws.connections))
    assert all(proof.passed for proof in other.verify(package))
    (done,) = deliver_subject(other.ws, other.ws.definition(TRIAL), KEY)
    assert Path(done.path).read_bytes() == folder[f"{TRIAL}/{KEY}.zip"]


def test_a_next_version_takes_the_place_of_the_first(moved: Hospital, folder: dict[str, bytes], bucket: Bucket) -> None:
    deliver_subject(moved.ws, moved.ws.definition(TRIAL), KEY)
    moved.stage(small_study(LUCZYNSKA, SECOND_DAY))
    moved.verify(moved.package(TRIAL, KEY))
    assert [row[:2] for row in rows(moved)] == [(1, PackageState.SUPERSEDED), (2, PackageState.VERIFIED)]
    assert zips(bucket)[f"{TRIAL}/{KEY}.zip"] != folder[f"{TRIAL}/{KEY}.zip"]
    assert receipt(bucket)["version"] == 2
    assert f"packages/{TRIAL}/{KEY}.zip.changes.csv" in bucket.held()
    (done,) = deliver_subject(moved.ws, moved.ws.definition(TRIAL), KEY)
    assert Path(done.path).read_bytes() == zips(bucket)[f"{TRIAL}/{KEY}.zip"]


def test_what_is_cleaned_up_comes_back_with_its_digests(
    moved: Hospital, ran: Trial, folder: dict[str, bytes], bucket: Bucket
) -> None:
    digests = ran.digests()
    for key in SUBJECTS:
        cleaned = clean_subject(moved.ws, moved.ws.definition(TRIAL), key, actor="test")
        assert [one.path for one in cleaned.packages] == [f"{TRIAL}/{key}.zip"]
    assert bucket.held() == {}
    assert losses(moved.ws, TRIAL, KEY).packages_lost == 1
    for key in SUBJECTS:
        assert restore_subject(moved.ws, TRIAL, key, actor="test").complete
    assert zips(bucket) == folder
    assert ran.digests() == digests
    assert losses(moved.ws, TRIAL, KEY).packages_lost == 0
    assert not local(moved)


def test_a_study_that_is_no_longer_wanted_loses_its_package(moved: Hospital, ran: Trial, bucket: Bucket) -> None:
    ran.site.define_source({"pacs": "main", "modalities": ["MR"], "retrieve": "c-get"}, review="never")
    assert moved.collect(TRIAL, KEY) == []
    assert [key for key in bucket.held() if KEY in key] == []


def test_a_lost_object_is_noticed_by_the_nightly_look(moved: Hospital, bucket: Bucket) -> None:
    definition = moved.ws.definition(TRIAL)
    begin(moved.ws, definition, SUBJECTS, run_key="a run")
    for key in SUBJECTS:
        end(moved.ws, TRIAL, key, run_key="a run")
    assert due(moved.ws, definition, SUBJECTS) == set()
    bucket.it.Object(f"packages/{TRIAL}/{KEY}.zip").delete()
    assert due(moved.ws, definition, SUBJECTS) == {KEY}


def test_an_object_that_somebody_replaced_is_not_proven(moved: Hospital, bucket: Bucket) -> None:
    package = moved.package(TRIAL, KEY)
    bucket.it.put_object(Key=f"packages/{TRIAL}/{KEY}.zip", Body=b"something else")
    with pytest.raises(ProofError):
        moved.verify(package)


def test_nor_does_it_leave(moved: Hospital, bucket: Bucket) -> None:
    bucket.it.put_object(Key=f"packages/{TRIAL}/{KEY}.zip", Body=b"something else")
    with pytest.raises(PermanentError, match="is not what the vault says"):
        deliver_subject(moved.ws, moved.ws.definition(TRIAL), KEY)
    assert not (moved.ws.settings.home / "delivered").exists()


@pytest.fixture
def line(bucket: Bucket) -> Iterator[Line]:
    made = Line(int(bucket.endpoint.rsplit(":", 1)[1]))
    yield made
    made.close()


def test_an_upload_that_broke_off_is_no_version(
    moved: Hospital, folder: dict[str, bytes], bucket: Bucket, line: Line
) -> None:
    before = rows(moved)
    moved.stage(small_study(LUCZYNSKA, SECOND_DAY))
    broken = Hospital(bucket.keeps(moved.ws, port=line.port))
    line.breaks_after, line.for_good = len(folder[f"{TRIAL}/{KEY}.zip"]) // 2, True
    with pytest.raises(TransientError):
        broken.package(TRIAL, KEY)
    assert rows(moved) == before
    assert zips(bucket) == folder
    assert receipt(bucket)["version"] == 1
    whole = Hospital(bucket.keeps(moved.ws))
    whole.verify(whole.package(TRIAL, KEY))
    assert [row[0] for row in rows(moved)] == [1, 2]
