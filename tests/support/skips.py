"""In CI (``CI=true``) every test runs: a skipped one fails the run, whatever the others say."""

from __future__ import annotations

import os

import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Runs in the process that has all reports; the workers of xdist have no terminal."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or terminal is None or exitstatus not in (0, 5):
        return
    skipped = terminal.stats.get("skipped", [])
    for report in skipped:
        terminal.write_line(f"\nskipped, but CI has to run it: {report.nodeid}: {report.longrepr}", red=True)
    if skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
