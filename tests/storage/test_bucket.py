"""Packages in a bucket, against an S3 server: whole or not there, read back, listed, removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs2trial.connections import SiteConnections
from pacs2trial.errors import InputError, PermanentError, TransientError
from pacs2trial.settings import Settings
from pacs2trial.storage import Packages, packages_of
from pacs2trial.storage import bucket as room
from support.far_ends import Line
from support.object_stores import CONNECTION, Bucket, connect

NAME = "LUNGART/LA-001.zip"
LARGE = 11 << 20


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WAITS", (0.0,))
    monkeypatch.setattr(room, "ATTEMPTS", 1)


@pytest.fixture
def line(bucket: Bucket) -> Iterator[Line]:
    made = Line(int(bucket.endpoint.rsplit(":", 1)[1]))
    yield made
    made.close()


def opened(home: Path, bucket: Bucket, *, port: int | None = None, url: str = "s3://trial/packages") -> Packages:
    settings = Settings(home=home, packages_url=url, packages_connection=CONNECTION)
    home.mkdir(exist_ok=True)
    connect(settings, bucket.connection(port=port))
    return packages_of(settings, SiteConnections(settings))


def by_environment(home: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Packages:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "a secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": endpoint,
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings(home=home, packages_url="s3://trial")
    return packages_of(settings, SiteConnections(settings))


@pytest.fixture(scope="module")
def one_for_all(tmp_path_factory: pytest.TempPathFactory, s3_endpoint: str) -> Packages:
    return opened(tmp_path_factory.mktemp("site") / "home", Bucket("trial", s3_endpoint, None))


@pytest.fixture
def packages(one_for_all: Packages, bucket: Bucket) -> Packages:
    """Whose bucket is empty at first."""
    return one_for_all


def keep(packages: Packages, content: bytes, name: str = NAME) -> None:
    packages.draft(name).write_bytes(content)
    packages.keep(name)


def local(packages: Packages) -> list[Path]:
    return [path for path in packages.folder.rglob("*") if path.is_file()]


def test_what_is_kept_is_an_object_and_no_local_file(packages: Packages, bucket: Bucket) -> None:
    keep(packages, b"a package")
    assert bucket.held() == {f"packages/{NAME}": b"a package"}
    assert not local(packages)
    assert packages.address(NAME) == f"s3://trial/packages/{NAME}"


def test_it_is_a_local_file_while_it_is_read(packages: Packages) -> None:
    keep(packages, b"a package")
    with packages.reading(NAME) as path:
        assert path.read_bytes() == b"a package"
    assert not local(packages)


def test_where_nothing_is_kept_there_is_no_file_to_read(packages: Packages) -> None:
    packages.draft(NAME).write_bytes(b"left by somebody who was killed")
    with packages.reading(NAME) as path:
        assert not path.exists()
    assert packages.there(NAME) is None


def test_a_new_version_takes_the_place_of_the_old(packages: Packages, bucket: Bucket) -> None:
    keep(packages, b"first")
    before = packages.there(NAME)
    keep(packages, b"other")
    after = packages.there(NAME)
    assert bucket.held() == {f"packages/{NAME}": b"other"}
    assert before is not None
    assert after is not None
    assert before.mark != after.mark


def test_names_are_listed_by_trial(packages: Packages) -> None:
    keep(packages, b"1")
    keep(packages, b"2", "LUNGART/LA-002.zip")
    keep(packages, b"3", "LUNG/LA-001.zip")
    assert packages.below("LUNGART") == [NAME, "LUNGART/LA-002.zip"]
    assert packages.below("PELVIC") == []
    assert packages.absent([NAME, "LUNGART/LA-003.zip", "PELVIC/a.zip"]) == {"LUNGART/LA-003.zip", "PELVIC/a.zip"}


def test_what_is_removed_is_gone_and_may_be_removed_again(packages: Packages, bucket: Bucket) -> None:
    keep(packages, b"a package")
    packages.remove(NAME)
    packages.remove(NAME)
    assert bucket.held() == {}


def test_a_bucket_without_a_prefix(tmp_path: Path, bucket: Bucket) -> None:
    packages = opened(tmp_path / "home", bucket, url="s3://trial")
    keep(packages, b"a package")
    assert bucket.held() == {NAME: b"a package"}
    assert packages.below("LUNGART") == [NAME]


def test_it_holds_what_it_was_given_and_what_others_copied_there(packages: Packages, bucket: Bucket) -> None:
    keep(packages, b"a package")
    sha256 = "".join(one.Object().metadata["sha256"] for one in bucket.it.objects.all())
    assert packages.holds(NAME, 9, sha256)
    assert not packages.holds(NAME, 9, "0" * 64)
    bucket.it.put_object(Key="packages/LUNGART/copied.zip", Body=b"a package")
    assert packages.holds("LUNGART/copied.zip", 9, sha256)
    assert not packages.holds("LUNGART/LA-002.zip", 9, sha256)


def test_other_bytes_than_were_asked_for_are_refused(packages: Packages, bucket: Bucket) -> None:
    bucket.it.put_object(Key=f"packages/{NAME}", Body=b"somebody's")
    with pytest.raises(PermanentError, match=r"is not what the vault says"), packages.reading(NAME, "0" * 64):
        pytest.fail("nothing may be read")
    assert not local(packages)


def test_a_line_that_breaks_in_the_middle_is_tried_again(tmp_path: Path, bucket: Bucket, line: Line) -> None:
    packages = opened(tmp_path / "home", bucket, port=line.port)
    line.breaks_after = LARGE // 2
    keep(packages, b"x" * LARGE)
    assert line.breaks_after is None
    assert bucket.held() == {f"packages/{NAME}": b"x" * LARGE}


def test_a_line_that_stays_broken_leaves_what_was_there(tmp_path: Path, bucket: Bucket, line: Line) -> None:
    packages = opened(tmp_path / "home", bucket, port=line.port)
    keep(packages, b"first")
    line.breaks_after, line.for_good = LARGE // 2, True
    with pytest.raises(TransientError, match=r"s3://trial/packages broke off"):
        keep(packages, b"x" * LARGE)
    assert bucket.held() == {f"packages/{NAME}": b"first"}
    assert not local(packages)


def test_a_package_goes_in_parts_that_a_broken_line_does_not_leave_behind(
    tmp_path: Path, bucket: Bucket, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PART", 5 << 20)
    packages = opened(tmp_path / "home", bucket, port=line.port)
    line.breaks_after = LARGE // 2
    keep(packages, b"x" * LARGE)
    assert line.breaks_after is None
    assert bucket.held() == {f"packages/{NAME}": b"x" * LARGE}
    assert [one.Object().e_tag.endswith('-3"') for one in bucket.it.objects.all()] == [True]
    assert bucket.unfinished() == 0


@pytest.mark.parametrize("by", ["its SHA-256", "the server's own checksum"])
def test_what_reads_back_otherwise_is_removed(
    tmp_path: Path, bucket: Bucket, line: Line, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    packages = opened(tmp_path / "home", bucket, port=line.port)
    if by != "its SHA-256":
        packages = by_environment(tmp_path / "home", f"http://127.0.0.1:{line.port}", monkeypatch)
    line.falsifies = (b"PLANTED", b"SPOILED")
    with pytest.raises(TransientError, match="is not what was sent; it was removed"):
        keep(packages, b"PLANTED")
    assert bucket.held() == {}


def test_a_bucket_that_is_not_there_is_named(tmp_path: Path, bucket: Bucket) -> None:
    packages = opened(tmp_path / "home", bucket, url="s3://elsewhere/packages")
    with pytest.raises(PermanentError, match="make the bucket, or correct PACS2TRIAL_PACKAGES_URL"):
        keep(packages, b"a package")


def test_a_connection_of_another_type_is_refused(tmp_path: Path, bucket: Bucket) -> None:
    packages = opened(tmp_path / "home", bucket)
    path = tmp_path / "home" / "connections.json"
    path.write_text(json.dumps({CONNECTION: {"conn_type": "sftp", "extra": {"end_point": "x"}}}))
    with pytest.raises(InputError, match=r"needed is 'aws' or 's3'\n.*extra end_point"):
        packages.there(NAME)


def test_without_a_connection_the_environment_of_aws_tells(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(by_environment(tmp_path / "home", bucket.endpoint, monkeypatch), b"a package")
    assert bucket.held() == {NAME: b"a package"}


def test_who_says_nothing_of_himself_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    settings = Settings(home=tmp_path / "home", packages_url="s3://trial")
    with pytest.raises(PermanentError, match="asks who we are, and nothing tells"):
        packages_of(settings, SiteConnections(settings)).there(NAME)
