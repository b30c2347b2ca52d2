"""Fixtures of all rooms; each lives in one module of ``support``."""

pytest_plugins: list[str] = [
    "support.peers",
    "support.receivers",
    "support.scripted_pacs",
    "support.vaults",
]
