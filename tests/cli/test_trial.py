"""``trial``: list, check, describe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pacs2trial_demo.identities import LUCZYNSKA
from support.face_programs import registered, script
from support.vaults import write_definition

if TYPE_CHECKING:
    from support.hospital import Hospital

    from .conftest import Site


@pytest.fixture
def broken(site: Site) -> Path:
    path = site.trials / "broken.yaml"
    path.write_text("trial: BROKEN\nsponser: x\nprotocol: y\nkeys: {file: a.csv}\nsubject_key: x\nsource: {pacs: m}\n")
    return path


def test_list_names_every_trial(site: Site) -> None:
    listed = site.json("trial", "list")
    assert [(trial["trial"], trial["pacs"], trial["review"]) for trial in listed["trials"]] == [
        ("LUNGART", "main", "never"),
        ("PELVIC", "main", "never"),
    ]
    assert listed["broken"] == {}


def test_list_needs_no_vault(new_site: Site) -> None:
    assert new_site.json("trial", "list")["trials"] == []
    assert not new_site.home.exists()


def test_list_tells_broken_definitions_apart(site: Site, broken: Path) -> None:
    done = site("trial", "list")
    assert done.exit_code == 2
    assert "LUNGART" in done.stdout
    assert "broken.yaml line 2, sponser: unknown field 'sponser'; did you mean sponsor?" in done.stderr
    assert "broken.yaml line 6, source.modalities: is missing" in done.stderr


def test_check_of_all_names_right_and_wrong(site: Site, broken: Path) -> None:
    done = site("trial", "check")
    assert done.exit_code == 2
    assert done.stdout.splitlines() == ["LUNGART is right", "PELVIC is right"]
    assert len(done.stderr.splitlines()) == 3


def test_check_of_one_looks_at_that_one(site: Site, broken: Path) -> None:
    assert site("trial", "check", "LUNGART").stdout == "LUNGART is right\n"
    assert "broken.yaml line 2, sponser: unknown field 'sponser'; did you mean sponsor?" in site.refusal(
        "trial", "check", "BROKEN"
    )


def test_check_refuses_what_the_engine_cannot_do(site: Site) -> None:
    (site.home / "safe_private.csv").write_text("group,creator,low_byte,vr,vm,because\n0029,ACME,01,PN,1,kernel\n")
    done = site("trial", "check")
    assert done.exit_code == 2
    assert "safe_private.csv, line 2: vr: PN is never kept in a private attribute" in done.stderr


def test_check_refuses_to_remove_faces_where_the_site_has_no_program(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_definition(site.trials, "LUNGART", subject_key="LA-[0-9]{3}", filter={"faces": "deface"})
    done = site("trial", "check")
    assert "filter.faces: this site has no program that removes faces" in done.stderr
    assert done.stdout.splitlines() == ["PELVIC is right"]
    monkeypatch.setenv("PACS2TRIAL_FACE_PROGRAMS", str(registered(tmp_path, script(tmp_path))))
    assert site("trial", "check").exit_code == 0


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ({"command": ["deface", "{in}"]}, "0.command: Value error, no argument names {out}"),
        ({"at_least": 0.7}, "0: Value error, at_least must be less than at_most"),
        ({"version": 2}, "0.version: Value error, must be text: put it in quotes"),
        ({"timeout": 2}, "0.timeout: Extra inputs are not permitted"),
    ],
)
def test_check_tells_what_is_wrong_with_the_file_of_face_programs(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, object], fault: str
) -> None:
    write_definition(site.trials, "LUNGART", subject_key="LA-[0-9]{3}", filter={"faces": "deface"})
    monkeypatch.setenv("PACS2TRIAL_FACE_PROGRAMS", str(registered(tmp_path, script(tmp_path), **told)))
    assert f"faces.yaml, {fault}" in site("trial", "check").stderr


def test_check_of_an_empty_folder_is_no_success(new_site: Site) -> None:
    done = new_site("trial", "check")
    assert done.exit_code == 2
    assert done.stdout == f"no right definition in {new_site.trials}\n"


def test_unknown_trial_names_those_that_exist(site: Site) -> None:
    assert site.refusal("trial", "check", "LUNGRAT") == [
        f"trial 'LUNGRAT' is not defined in {site.trials}; trials there: LUNGART, PELVIC"
    ]


def test_describe_prints_what_happens_to_each_attribute(site: Site) -> None:
    done = site("trial", "describe", "lungart")
    assert done.exit_code == 0
    assert done.stdout.startswith("LUNGART: what becomes of each object before the trial gets it")
    assert any(line.split()[:2] == ["(0010,0010)", "PatientName"] for line in done.stdout.splitlines())


def test_describe_tells_programs_the_same(site: Site) -> None:
    described = site.json("trial", "describe", "LUNGART")
    actions = {row["keyword"]: row["action"] for row in described["attributes"]}
    assert "Private attributes" in actions
    assert described["dates"] == "MODIFIED"
    assert len(described["digest"]) == 64


def with_rules(site: Site, *rules: str, lookups: str = "") -> int:
    """Write rules into the definition of LUNGART; the line of the first."""
    path = site.trials / "lungart.yaml"
    text = path.read_text().replace("profile:\n", "profile:\n  rules:\n" + "".join(f"  - {rule}\n" for rule in rules))
    path.write_text(text + lookups)
    return text.splitlines().index(f"  - {rules[0]}") + 1


def test_check_tells_a_column_that_the_imported_key_table_lacks(site: Site, enrolled: Hospital) -> None:
    enrolled.enrol("LUNGART", {"LA-001": LUCZYNSKA}, timepoint="W1")
    line = with_rules(site, '{attribute: ClinicalTrialTimePointID, set: "{timepont}"}')
    (problem,) = site.refusal("trial", "check", "LUNGART")
    assert problem.endswith(
        f"lungart.yaml line {line}, profile.rules[0].set: unknown column 'timepont'; did you mean timepoint?"
    )


def test_check_misses_no_column_before_a_key_table_is_imported(site: Site) -> None:
    with_rules(site, '{attribute: ClinicalTrialTimePointID, set: "{timepoint}"}')
    (site.home / "vault.db").rename(site.home / "gone.db")
    (site.home / "secret.json").rename(site.home / "gone.json")
    assert site("trial", "check", "LUNGART").exit_code == 0


def test_check_tells_what_a_lookup_lacks(site: Site) -> None:
    lookups = "lookups:\n  arm: {file: arms.csv, match: subject_key, value: arm}\n"
    with_rules(site, '{attribute: ClinicalTrialTimePointID, set: "{lookup.arm}"}', lookups=lookups)
    (problem,) = site.refusal("trial", "check", "LUNGART")
    assert ", lookups.arm: there is no file " in problem


def test_check_tells_a_rule_that_weakens_the_profile_with_its_line(site: Site) -> None:
    line = with_rules(site, "{attribute: ProtocolName, keep: true}")
    (problem,) = site.refusal("trial", "check", "LUNGART")
    assert f"lungart.yaml line {line}, profile.rules[0].keep: would pass what the profile" in problem


def test_describe_prints_the_rules_with_their_reasons(site: Site) -> None:
    with_rules(site, '{attribute: ProtocolName, keep: true, because: "dose constraints"}')
    (rule,) = site.json("trial", "describe", "LUNGART")["rules"]
    assert rule == {
        "attributes": "ProtocolName (0018,1030)",
        "objects": "all",
        "action": "keep",
        "because": "dose constraints",
    }
    assert "dose constraints" in site("trial", "describe", "LUNGART").stdout
