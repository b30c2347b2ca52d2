"""In CI (``CI=true``) every test runs, but those on data that are not here: a skipped one fails the run."""

from __future__ import annotations

import os

import pytest

from support.shared import ABSENT


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Runs in the process that has all reports; the workers of xdist have no terminal."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or terminal is None or exitstatus not in (0, 5):
        return
    skipped = [report for report in terminal.stats.get("skipped", []) if ABSENT not in str(report.longrepr)]
    for report in skipped:
        terminal.write_line(f"\nskipped, but CI has to run it: {report.nodeid}: {report.longrepr}", red=True)
    if skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
