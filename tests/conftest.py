"""Fixtures of all rooms; each lives in one module of ``support``."""

import pytest

pytest.register_assert_rewrite("support")  # fixtures import each other before pytest comes to them

pytest_plugins: list[str] = [
    "support.filter_bench",
    "support.hospital",
    "support.object_stores",
    "support.peers",
    "support.receivers",
    "support.round_trip",
    "support.scripted_pacs",
    "support.shown",
    "support.skips",
    "support.vaults",
    "support.web_pacs",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-seconds", type=float, default=15, help="how long files are bent in tests/deidentify/test_fuzz.py"
    )
