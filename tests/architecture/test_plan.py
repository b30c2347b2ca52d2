"""The plan of the house in docs/contributing.md names every room, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "include" / "pacs2trial"
PLAN = (ROOT / "docs" / "contributing.md").read_text("utf-8")
NAMED = set(re.findall(r"`([a-z_][a-z_0-9]*(?:/[\w.]+)*(?:\.py)?)`", PLAN))
ROOMS = {path.name for path in LIBRARY.iterdir() if (path / "__init__.py").is_file()}
MODULES = {path.name for path in LIBRARY.glob("*.py")} - {"__init__.py"}


@pytest.mark.parametrize("room", sorted(ROOMS | MODULES))
def test_every_room_is_named(room: str) -> None:
    assert room in NAMED


def test_every_path_that_is_named_exists() -> None:
    paths = {name for name in NAMED if "/" in name or name.endswith(".py")}
    assert paths
    assert [name for name in sorted(paths) if not ((ROOT / name).exists() or (LIBRARY / name).exists())] == []
