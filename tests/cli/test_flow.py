"""``stage``, ``filter``, ``collect``, ``verify``, ``review``, ``deliver``, ``status``: data on its way, by hand."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.receiver.state import ReceiverState, write_state
from pacs2trial.settings import Settings
from pacs2trial_demo.generate import part10
from pacs2trial_demo.identities import LUCZYNSKA, YAMASHIROGI
from support.hospital import FIRST_DAY, Hospital, small_study
from support.object_stores import CONNECTION, Bucket, connect

if TYPE_CHECKING:
    from .conftest import Site


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The objects of one study in a folder, and something that is no DICOM."""
    folder = tmp_path_factory.mktemp("study")
    for number, dataset in enumerate(small_study()):
        (folder / f"{number}.dcm").write_bytes(part10(dataset))
    (folder / "letter.txt").write_text("no DICOM")
    return folder


def count(folder: Path) -> int:
    return len(list(folder.glob("*.dcm")))


def test_folders_are_staged_and_counted(site: Site, files: Path) -> None:
    done = site.json("stage", files)
    assert (done["files"], done["staged"], done["not_dicom"]) == (count(files) + 1, count(files), 1)
    assert len(list((site.home / "staging").rglob("*.dcm"))) == count(files)


def test_zips_are_staged_and_repetition_is_a_duplicate(site: Site, files: Path, tmp_path: Path) -> None:
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w") as written:
        for path in files.glob("*.dcm"):
            written.write(path, path.name)
    assert site.json("stage", archive)["staged"] == count(files)
    again = site.json("stage", files)
    assert (again["staged"], again["duplicates"]) == (0, count(files))


def test_what_is_quarantined_makes_status_3(site: Site, tmp_path: Path) -> None:
    (ultrasound,) = [one for one in small_study(YAMASHIROGI, parts={"US"}) if one.Modality == "US"]
    (tmp_path / "us.dcm").write_bytes(part10(ultrasound))
    done = site("stage", tmp_path / "us.dcm")
    assert done.exit_code == 3
    assert done.stdout.splitlines()[0].split() == [
        "files",
        "staged",
        "duplicates",
        "quarantined",
        "rejected",
        "not",
        "dicom",
    ]
    assert done.stdout.splitlines()[1].split() == ["1", "0", "0", "1", "0", "0"]


def test_missing_path_is_refused_before_anything_is_staged(site: Site, files: Path) -> None:
    assert site.refusal("stage", files, "absent") == ["argument 2: no such file or folder"]
    assert not list((site.home / "staging").rglob("*.dcm"))


def test_stage_without_paths_is_wrong_usage(site: Site) -> None:
    done = site("stage")
    assert done.exit_code == 2
    assert "Missing argument 'PATH...'" in done.stderr


def test_through_a_bucket_to_delivery(
    staged_site: Site, enrolled: Hospital, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(enrolled.ws.settings, bucket.connection())
    monkeypatch.setenv("PACS2TRIAL_PACKAGES_URL", "s3://trial/packages")
    monkeypatch.setenv("PACS2TRIAL_PACKAGES_CONNECTION", CONNECTION)
    enrolled.define("LUNGART", deliver=[{"to": "folder", "path": "lung"}])
    staged_site("filter", "LUNGART")
    (subject,) = staged_site.json("collect", "LUNGART")["subjects"]
    (package,) = subject["result"]
    assert package["address"] == "s3://trial/packages/LUNGART/LA-001.zip"
    (subject,) = staged_site.json("deliver", "LUNGART")["subjects"]
    assert Path(subject["result"][0]["path"]).read_bytes() == bucket.held()["packages/LUNGART/LA-001.zip"]
    assert staged_site.refusal("trial", "erase", "LUNGART", "--reason", "over", "--confirm", "LUNGART") == [
        "1 packages of LUNGART are still here: run pacs2trial cleanup LUNGART first"
    ]


def test_from_staging_to_delivery(staged_site: Site, enrolled: Hospital) -> None:
    enrolled.define("LUNGART", deliver=[{"to": "folder", "path": "lung"}])
    filtered = staged_site.json("filter", "LUNGART")["subjects"]
    assert [(one["subject_key"], one["result"]["held"]) for one in filtered] == [("LA-001", 0)]
    (subject,) = staged_site.json("collect", "LUNGART")["subjects"]
    (package,) = subject["result"]
    assert package["changed"] is True
    assert staged_site.json("verify", package["path"])["passed"] is True
    (subject,) = staged_site.json("deliver", "LUNGART")["subjects"]
    assert [one["new"] for one in subject["result"]] == [True]
    delivered = staged_site.home / "delivered" / "lung" / "LA-001.zip"
    assert delivered.read_bytes() == Path(package["path"]).read_bytes()
    (subject,) = staged_site.json("deliver", "LUNGART")["subjects"]
    assert [one["new"] for one in subject["result"]] == [False]
    (balance,) = staged_site.json("status", "LUNGART")["subjects"]
    assert balance["collected"] == balance["staged"] == package["instances"]
    (refused,) = staged_site.refusal("deliver", "LUNGART", "--again")
    assert "name the subjects with --subject" in refused
    (subject,) = staged_site.json("deliver", "LUNGART", "--subject", "LA-001", "--again")["subjects"]
    assert [one["new"] for one in subject["result"]] == [True]


def test_collecting_again_changes_nothing(staged_site: Site) -> None:
    staged_site("filter", "LUNGART")
    first = staged_site("collect", "LUNGART")
    assert first.exit_code == 0
    assert "LA-001" in first.stdout
    assert first.stdout.split()[-2:] == ["new", "first"]
    assert "unchanged" in staged_site("collect", "LUNGART").stdout.split()


def test_copies_go_where_they_are_asked_to(staged_site: Site, tmp_path: Path) -> None:
    staged_site("filter", "LUNGART")
    assert staged_site("collect", "LUNGART", "--output", tmp_path / "out").exit_code == 0
    assert [path.name for path in (tmp_path / "out").rglob("*.zip")] == ["LA-001.zip"]
    assert not list((staged_site.home / "packages").rglob("*.zip"))


def test_collecting_before_filtering_is_held(staged_site: Site) -> None:
    done = staged_site("collect", "LUNGART", "--subject", "LA-001")
    assert done.exit_code == 3
    assert "run pacs2trial filter LUNGART" in done.stderr
    assert done.stdout == ""


def test_one_subject_in_trouble_does_not_stop_the_others(staged_site: Site, enrolled: Hospital) -> None:
    enrolled.enrol("LUNGART", {"LA-001": YAMASHIROGI, "LA-002": LUCZYNSKA})
    enrolled.stage(small_study(YAMASHIROGI))
    staged_site("filter", "LUNGART", "--subject", "LA-002")
    done = staged_site("collect", "LUNGART")
    assert done.exit_code == 3
    assert "LA-002" in done.stdout
    assert "LUNGART/LA-001: " in done.stderr


def test_mistyped_subject_is_not_repeated(staged_site: Site) -> None:
    lines = staged_site.refusal("collect", "LUNGART", "--subject", LUCZYNSKA.patient_id)
    assert lines == ["--subject number 1: no subject key of LUNGART, whose keys look like LA-[0-9]{3}"]


@pytest.mark.parametrize("command", ["retrieve", "filter", "collect", "deliver"])
def test_unknown_subject_is_told(staged_site: Site, enrolled: Hospital, command: str) -> None:
    enrolled.define("LUNGART", deliver=[{"to": "folder"}])
    (message,) = staged_site.refusal(command, "LUNGART", "--subject", "LA-999")
    assert "LA-999" in message


@pytest.mark.parametrize("command", ["retrieve", "filter", "collect", "deliver", "review", "quarantine", "status"])
def test_unknown_trial_is_told(site: Site, command: str) -> None:
    assert site.refusal(command, "BREAST") == [
        f"trial 'BREAST' is not defined in {site.trials}; trials there: LUNGART, PELVIC"
    ]


@pytest.mark.parametrize("command", ["retrieve", "filter", "collect", "deliver", "review", "quarantine"])
def test_trial_is_needed(site: Site, command: str) -> None:
    done = site(command)
    assert done.exit_code == 2
    assert "Missing argument 'ID'" in done.stderr


def test_delivery_without_destination_is_refused(staged_site: Site) -> None:
    assert staged_site.refusal("deliver", "LUNGART") == [
        "trial LUNGART names no destination: add deliver: to its definition"
    ]


def test_nothing_unproven_is_delivered(staged_site: Site, enrolled: Hospital) -> None:
    enrolled.define("LUNGART", deliver=[{"to": "folder"}])
    enrolled.package("LUNGART", "LA-001")
    done = staged_site("deliver", "LUNGART")
    assert done.exit_code == 1
    assert "not verified yet" in done.stderr
    assert not (staged_site.home / "delivered").exists()


def test_damaged_package_fails_its_proofs(staged_site: Site) -> None:
    staged_site("filter", "LUNGART")
    (subject,) = staged_site.json("collect", "LUNGART")["subjects"]
    path = Path(subject["result"][0]["path"])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    done = staged_site("verify", path)
    assert done.exit_code == 1
    assert "FAILED" in done.stdout


def test_package_that_is_absent_is_told(site: Site) -> None:
    assert site.refusal("verify", "absent.zip") == ["absent.zip: there is no such file"]


def test_retrieve_with_dates_the_wrong_way_round_is_refused(site: Site) -> None:
    assert site.refusal("retrieve", "LUNGART", "--from", "2024-05-01", "--to", "2024-04-01") == [
        "--from 2024-05-01 is after --to 2024-04-01"
    ]


def test_retrieve_with_something_that_is_no_date_is_refused(site: Site) -> None:
    done = site("retrieve", "LUNGART", "--from", "last week")
    assert done.exit_code == 2
    assert "'last week' does not match the format '%Y-%m-%d'" in done.stderr


def test_retrieve_without_a_connection_is_refused(site: Site) -> None:
    (message,) = site.refusal("retrieve", "LUNGART")
    assert message.startswith("connection 'main' is unknown: set AIRFLOW_CONN_MAIN")


def test_status_of_all_trials(staged_site: Site) -> None:
    done = staged_site.json("status")
    assert [(one["trial"], one["subjects"]) for one in done["trials"]] == [("LUNGART", 1), ("PELVIC", 1)]
    lines = staged_site("status").stdout.splitlines()
    assert lines[0].split()[:2] == ["trial", "subjects"]
    assert [line.split()[0] for line in lines[1:]] == ["LUNGART", "PELVIC"]


def test_status_shows_the_receivers(site: Site) -> None:
    assert site.json("status")["receivers"] == []
    now = datetime.now(UTC)
    counts = {"associations": 0, "staged": 12, "refused": 1, "bytes": 4096}
    running = ReceiverState("scanhost", 11112, "PACS2TRIAL", now, now, True, 2, False, 100, counts)
    settings = Settings(home=site.home)
    write_state(settings, running)
    write_state(settings, replace(running, host="other", seen=now - timedelta(hours=1)))
    by_host = {one["host"]: one for one in site.json("status")["receivers"]}
    assert by_host["scanhost"]["state"] == "running"
    assert by_host["scanhost"]["counts"] == counts
    assert by_host["other"]["state"].startswith("silent for 36")
    table = site("status").stdout.partition("receivers\n")[2].splitlines()
    assert table[0].split() == ["receiver", "state", "since", "(UTC)", "vault", "staged", "refused", "bytes"]
    assert table[2].startswith("PACS2TRIAL at scanhost:11112")
    assert table[2].split()[-6:] == ["does", "not", "answer", "12", "1", "4096"]


def test_status_of_one_trial_is_by_subject_and_study(staged_site: Site) -> None:
    done = staged_site("status", "LUNGART")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "LUNGART"
    assert "studies" in done.stdout.splitlines()
    assert f"{FIRST_DAY:%Y%m%d}" not in done.stdout


def test_review_is_asked_answered_and_audited(staged_site: Site, enrolled: Hospital) -> None:
    enrolled.define("LUNGART", review="always", deliver=[{"to": "folder"}])
    staged_site("filter", "LUNGART")
    assert staged_site("collect", "LUNGART").exit_code == 0
    waiting = staged_site("deliver", "LUNGART")
    assert waiting.exit_code == 3
    assert "waits for review: pacs2trial review LUNGART" in waiting.stderr
    assert [one["state"] for one in staged_site.json("review", "LUNGART")["reviews"]] == ["open"]
    approved = staged_site.json("review", "LUNGART", "--approve", "LA-001", "--comment", "looked at")["reviews"]
    assert [one["state"] for one in approved] == ["approved"]
    assert staged_site("deliver", "LUNGART").exit_code == 0


def test_held_review_stays_back(staged_site: Site, enrolled: Hospital) -> None:
    enrolled.define("LUNGART", review="always", deliver=[{"to": "folder"}])
    staged_site("filter", "LUNGART")
    staged_site("collect", "LUNGART")
    assert staged_site("review", "LUNGART", "--hold", "LA-001", "--reason", "question").exit_code == 0
    assert staged_site("deliver", "LUNGART").exit_code == 3


def test_rejection_needs_a_reason(staged_site: Site) -> None:
    staged_site("filter", "LUNGART")
    staged_site("collect", "LUNGART")
    (refusal,) = staged_site.refusal("review", "LUNGART", "--reject", "LA-001")
    assert refusal.startswith("a rejection or a hold needs a reason: identity-in-image, ")
    rejected = staged_site.json("review", "LUNGART", "--reject", "LA-001", "--reason", "not-protocol")["reviews"]
    assert [one["state"] for one in rejected] == ["rejected"]


def test_a_series_is_left_out_the_rest_approved_and_delivered(staged_site: Site, enrolled: Hospital) -> None:
    enrolled.define("LUNGART", review="always", deliver=[{"to": "folder"}])
    staged_site("filter", "LUNGART")
    staged_site("collect", "LUNGART")
    shown = staged_site.json("review", "LUNGART", "--show", "LA-001")["series"]
    unwanted = shown[0]["series"]
    said = ("--approve", "LA-001", "--series", unwanted, "--reason", "not-protocol")
    assert [one["state"] for one in staged_site.json("review", "LUNGART", *said)["reviews"]] == ["partly approved"]
    assert staged_site("deliver", "LUNGART").exit_code == 3
    staged_site("filter", "LUNGART")
    staged_site("collect", "LUNGART")
    assert staged_site("deliver", "LUNGART").exit_code == 0
    left = {one["series"]: one["answer"] for one in staged_site.json("review", "LUNGART", "--show", "LA-001")["series"]}
    assert left.pop(unwanted) == "rejected"
    assert set(left) == {one["series"] for one in shown[1:]}


def test_two_answers_at_once_are_wrong_usage(site: Site) -> None:
    done = site("review", "LUNGART", "--approve", "LA-001", "--hold", "LA-001")
    assert done.exit_code == 2
    assert "--approve and --hold exclude each other" in done.stderr


def test_nothing_to_review_is_told(site: Site) -> None:
    done = site("review", "LUNGART")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "no package of LUNGART is up for review\n"


def test_quarantined_object_is_listed_shown_and_rejected(site: Site, enrolled: Hospital) -> None:
    enrolled.define("LUNGART", source={"pacs": "main", "modalities": ["US"]})
    token = quarantine_one(enrolled)
    listed = site.json("quarantine", "LUNGART")["items"]
    assert [(one["token"], one["modality"], one["subjects"]["LUNGART"]) for one in listed] == [(token, "US", "LA-001")]
    shown = site("quarantine", "LUNGART", "--show", token)
    assert shown.exit_code == 0
    assert token in shown.stdout
    assert LUCZYNSKA.family not in shown.stdout
    assert site.refusal("quarantine", "LUNGART", "--reject", token) == ["a decision needs a reason"]
    done = site("quarantine", "LUNGART", "--reject", token, "--reason", "name in the picture")
    assert done.stdout == f"{token} is rejected; run pacs2trial filter LUNGART\n"
    assert site.json("quarantine", "LUNGART")["items"] == []


def test_discarded_object_is_gone(site: Site, enrolled: Hospital) -> None:
    enrolled.define("LUNGART", source={"pacs": "main", "modalities": ["US"]})
    token = quarantine_one(enrolled)
    assert site("quarantine", "LUNGART", "--discard", token, "--reason", "not needed").exit_code == 0
    assert not (site.home / "quarantine" / token).exists()


def test_a_mask_by_hand_releases_an_object_and_may_become_a_rule(site: Site, enrolled: Hospital) -> None:
    enrolled.define("LUNGART", source={"pacs": "main", "modalities": ["US"]})
    token = quarantine_one(enrolled)
    assert "640 x 480" in site("quarantine", "LUNGART", "--show", token).stdout
    (message,) = site.refusal("quarantine", "LUNGART", "--release", token, "--mask", "1,2,3", "--reason", "top")
    assert message.startswith("--mask: '1,2,3' is no area")
    told = site(
        "quarantine", "LUNGART", "--release", token, "--mask", "0,0,640,80", "--always", "--reason", "name on top"
    )
    assert f"{token} is masked and released" in told.stdout
    assert site("filter", "LUNGART").exit_code == 0
    assert "nothing of LUNGART waits" in site("quarantine", "LUNGART").output


def test_a_series_that_a_rule_holds_is_released_by_its_token(staged_site: Site, enrolled: Hospital) -> None:
    rule = {"modality": "REG", "then": "hold", "name": "registrations"}
    enrolled.define("LUNGART", filter={"rules": [rule]})
    assert staged_site("filter", "LUNGART").exit_code == 3
    listed = staged_site.json("quarantine", "LUNGART")
    (held,) = listed["held"]
    assert (held["rule"], held["instances"]) == ("registrations", 1)
    assert staged_site("quarantine", "LUNGART", "--release", held["token"], "--reason", "wanted").exit_code == 0
    assert staged_site("filter", "LUNGART").exit_code == 0
    assert "registrations" not in staged_site("status", "LUNGART").stdout


def test_object_of_another_trial_cannot_be_decided_on(site: Site, enrolled: Hospital) -> None:
    enrolled.enrol("PELVIC", {"PV-007": YAMASHIROGI})
    token = quarantine_one(enrolled)
    assert site.refusal("quarantine", "PELVIC", "--show", token) == [
        "--show: no such object of trial PELVIC; pacs2trial quarantine lists them"
    ]


def test_empty_quarantine_is_told(site: Site) -> None:
    assert site("quarantine", "LUNGART").stderr == "nothing of LUNGART waits in quarantine\n"


def quarantine_one(enrolled: Hospital) -> str:
    """An ultrasound of LUCZYNSKA in quarantine; its token."""
    (ultrasound,) = [one for one in small_study(parts={"US"}) if one.Modality == "US"]
    stage_part10(enrolled.ws, part10(ultrasound), source="file")
    (path,) = (enrolled.ws.settings.quarantine).iterdir()
    return path.name
