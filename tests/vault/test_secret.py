from __future__ import annotations

import base64
import json
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pacs2trial.errors import SetupError
from pacs2trial.vault.secret import create_secret, read_secret


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret.json"
    create_secret(path)
    return path


def rewrite(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def as_key(value: bytes) -> str:
    return base64.b64encode(value).decode()


def test_a_new_secret_holds_independent_keys_with_ids(secret_file: Path) -> None:
    secret = read_secret(secret_file)
    keys = [secret.pseudonym, secret.lookup, *secret.wrap]
    assert len({key.value for key in keys}) == len({key.id for key in keys}) == 3
    assert all(len(key.value) == 32 for key in keys)


def test_two_sites_have_different_secrets(tmp_path: Path, secret_file: Path) -> None:
    create_secret(tmp_path / "other.json")
    assert read_secret(secret_file) != read_secret(tmp_path / "other.json")


def test_only_the_owner_can_read_a_new_secret(secret_file: Path) -> None:
    assert stat.S_IMODE(secret_file.stat().st_mode) == 0o600
    assert [path.name for path in secret_file.parent.iterdir()] == ["secret.json"]


def test_a_secret_is_never_overwritten(secret_file: Path) -> None:
    before = secret_file.read_bytes()
    with pytest.raises(SetupError, match="never overwritten"):
        create_secret(secret_file)
    assert secret_file.read_bytes() == before


def test_no_key_shows_in_a_representation(secret_file: Path) -> None:
    secret = read_secret(secret_file)
    assert repr(secret.lookup.value) not in repr(secret)


def test_a_missing_secret_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="pacs2trial init"):
        read_secret(tmp_path / "secret.json")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_secret_that_others_can_reach_is_refused(secret_file: Path, mode: int) -> None:
    secret_file.chmod(mode)
    with pytest.raises(SetupError, match="chmod 600"):
        read_secret(secret_file)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param(secrets.token_bytes(31), "short", id="31 random bytes"),
        (b"", "short"),
        (bytes(32), "repeats"),
        (b"\xff" * 64, "repeats"),
        (b"changeme" * 4, "repeats"),
        (bytes(range(32)), "sequence"),
        (bytes(range(64, 0, -2)), "sequence"),
        (b"the quick brown fox jumps over the lazy dog", "text"),
    ],
)
@pytest.mark.parametrize("use", ["pseudonym", "lookup", "wrap"])
def test_a_weak_key_is_refused(secret_file: Path, use: str, value: bytes, said: str) -> None:
    def weaken(content: dict[str, Any]) -> None:
        entry = content[use][0] if use == "wrap" else content[use]
        entry["key"] = as_key(value)

    rewrite(secret_file, weaken)
    with pytest.raises(SetupError, match=said):
        read_secret(secret_file)


def test_one_key_for_two_uses_is_refused(secret_file: Path) -> None:
    rewrite(secret_file, lambda content: content["lookup"].update(key=content["pseudonym"]["key"]))
    with pytest.raises(SetupError, match="of its own"):
        read_secret(secret_file)


@pytest.mark.parametrize(
    "text", ["", "not JSON", "[]", "{}", '{"pseudonym": 1, "lookup": 2, "wrap": []}', '{"pseudonym": {"id": "p"}}']
)
def test_a_malformed_secret_is_refused(secret_file: Path, text: str) -> None:
    secret_file.write_text(text)
    with pytest.raises(SetupError, match="restore it from backup"):
        read_secret(secret_file)


def test_a_key_that_is_not_base64_is_refused(secret_file: Path) -> None:
    rewrite(secret_file, lambda content: content["lookup"].update(key="ä" * 44))
    with pytest.raises(SetupError, match="base64"):
        read_secret(secret_file)
