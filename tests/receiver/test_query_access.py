"""The file that says who may query and retrieve what: what it allows, and how its faults are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacs2trial.connections import SiteConnections
from pacs2trial.errors import InputError
from pacs2trial.examine import examine
from pacs2trial.finding import Finding
from pacs2trial.receiver.query_access import QueryAccess, query_access, read_query_access
from pacs2trial.settings import Settings
from support.vaults import write_definition

GOOD = """
callers:
  RESEARCH_WS: [LUNGART, LUNGART-INTERNATIONAL-2024]
  QA_STATION: [STAGING]
destinations:
  RESEARCH_WS: 10.1.2.3:11112
  SIX: "[fe80::1]:104"
titles:
  LUNG2024: LUNGART-INTERNATIONAL-2024
"""


def read(tmp_path: Path, text: str) -> QueryAccess:
    path = tmp_path / "access.yaml"
    path.write_text(text, "utf-8")
    return read_query_access(path, "PACS2TRIAL")


def test_without_a_file_nobody_sees_anything(settings: Settings) -> None:
    access = query_access(settings)
    assert access.scopes == set()
    assert access.scope(calling="ANYBODY", called="STAGING") is None
    assert access.destination("ANYBODY") is None


@pytest.mark.parametrize(
    ("calling", "called", "scope"),
    [
        ("RESEARCH_WS", "LUNGART", "LUNGART"),
        ("RESEARCH_WS", "LUNG2024", "LUNGART-INTERNATIONAL-2024"),
        ("RESEARCH_WS", "STAGING", None),
        ("QA_STATION", "STAGING", "STAGING"),
        ("QA_STATION", "LUNGART", None),
        ("SOMEBODY", "LUNGART", None),
    ],
)
def test_a_caller_sees_what_it_is_named_for(tmp_path: Path, calling: str, called: str, scope: str | None) -> None:
    assert read(tmp_path, GOOD).scope(calling=calling, called=called) == scope


def test_destinations_have_an_address(tmp_path: Path) -> None:
    access = read(tmp_path, GOOD)
    assert access.destination("RESEARCH_WS") == ("10.1.2.3", 11112)
    assert access.destination("SIX") == ("fe80::1", 104)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("caller:\n  A: [B]\n", "access.yaml line 1, caller: unknown field 'caller'; did you mean callers?"),
        ("callers:\n  A: [lung art]\n", "line 2, callers.A[0]: String should match pattern"),
        ("callers:\n  WAY_TOO_LONG_FOR_AN_AE: [A]\n", "line 2, callers.WAY_TOO_LONG_FOR_AN_AE: is no AE title"),
        ("destinations:\n  A: 10.1.2.3\n", "destinations: A: must be host:port"),
        ("destinations:\n  A: host:99999\n", "destinations: A: must be host:port"),
        ("callers:\n  A: [LUNGART-INTERNATIONAL-2024]\n", "callers.A[0]: LUNGART-INTERNATIONAL-2024 is too long"),
        ("callers:\n  A: [PACS2TRIAL]\n", "PACS2TRIAL is the receiver's own AE title"),
        ("callers:\n  A: [B]\ntitles:\n  STAGING: B\n", "line 4, titles.STAGING: STAGING is what STAGING itself"),
        ("callers:\n  A: [B]\n  A: [C]\n", "line 3, callers.A: written before on line 2"),
        ("just a text", "line 1: expected fields such as 'callers:'"),
        ("callers: [", "line 1: not YAML"),
    ],
)
def test_faults_name_line_and_field(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(InputError) as raised:
        read(tmp_path, text)
    assert fault in str(raised.value)


def test_an_absent_file_is_named_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="PACS2TRIAL_QUERY_RETRIEVE"):
        read_query_access(tmp_path / "none.yaml", "PACS2TRIAL")


def finding(settings: Settings) -> Finding:
    found = examine(settings, SiteConnections(settings))
    return next(one for one in found if one.subject == "query/retrieve")


def test_check_examines_the_file(settings: Settings, tmp_path: Path) -> None:
    assert (finding(settings).good, finding(settings).text) == (True, "is off (PACS2TRIAL_QUERY_RETRIEVE)")
    path = tmp_path / "access.yaml"
    path.write_text("callers:\n  A: [LUNGART]\n")
    allowing = settings.model_copy(update={"query_retrieve": path})
    wrong = finding(allowing)
    assert not wrong.good
    assert "LUNGART" in wrong.text
    write_definition(settings.trials, "LUNGART", subject_key="LA-[0-9]{3}")
    assert finding(allowing).good
    path.write_text("callers: 3\n")
    assert not finding(allowing).good
