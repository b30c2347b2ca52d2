"""Safe private attributes: the standard's table, the site's own list, and what no list can allow."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from pacs2trial.errors import InputError
from pacs2trial.profile import Action
from pacs2trial.profile.private import NEVER, PAYLOADS, PrivateAttribute, private_rules, safe_private
from pacs2trial.profile.site_list import read_site_list, site_list
from pacs2trial.profile.table import data_rows
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import Option

SAFE = frozenset((Option.RETAIN_SAFE_PRIVATE,))
HEADER = "group,creator,low_byte,vr,vm,because\n"


def written(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "safe_private.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows), "utf-8")
    return path


def test_the_table_is_here_with_its_editions() -> None:
    rows = list(data_rows("safe_private.csv"))
    assert sum(row["edition"] == "2018d" for row in rows) == 129
    assert {row["edition"] for row in rows} == {"2018d", "2025b"}
    assert len({(row["group"], row["creator"], row["low_byte"]) for row in rows}) == len(rows) == 479
    assert all(int(row["group"], 16) % 2 for row in rows)


def tool() -> ModuleType:
    path = Path(__file__).parents[2] / "tools" / "safe_private.py"
    specification = importlib.util.spec_from_file_location("safe_private", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_tool_keeps_the_edition_of_rows_that_say_the_same_and_drops_those_that_are_gone(tmp_path: Path) -> None:
    table, former = tmp_path / "table.csv", tmp_path / "former.csv"
    table.write_text(
        "Data Element,Private Creator,VR,VM,Meaning\n"
        '"(7053,xx09)",Philips PET Private Group,DS,1,Activity\n'
        '"(0019,xx0c)",SIEMENS MR HEADER,IS,1,B  Value\n'
        '"(0019,xx0d)",SIEMENS MR HEADER,CS,1,Directionality\n',
        "utf-8",
    )
    former.write_text(
        "# where it comes from\ngroup,creator,low_byte,vr,vm,edition,meaning\n"
        "0019,SIEMENS MR HEADER,0C,IS,1,2018d,B Value\n"
        "0019,SIEMENS MR HEADER,0D,LO,1,2018d,Directionality\n"
        "01E1,ELSCINT1,50,DS,1,2018d,Duration\n",
        "utf-8",
    )
    assert tool().main(table, "2026a", former).splitlines() == [
        "# where it comes from",
        "group,creator,low_byte,vr,vm,edition,meaning",
        "0019,SIEMENS MR HEADER,0C,IS,1,2018d,B Value",
        "0019,SIEMENS MR HEADER,0D,CS,1,2026a,Directionality",
        "7053,Philips PET Private Group,09,DS,1,2026a,Activity",
    ]


@pytest.mark.parametrize("element", ["(0020,xx0c)", "(0019,100c)", "0019xx0c"])
def test_the_tool_refuses_what_is_no_private_element(element: str) -> None:
    row = {"Data Element": element, "Private Creator": "ACME", "VR": "LO", "VM": "1", "Meaning": ""}
    with pytest.raises(ValueError, match="no private element"):
        list(tool().rows_of([row], "2026a", []))


def test_blobs_and_rows_without_vr_are_not_kept() -> None:
    listed = {
        (int(row["group"], 16), row["creator"], int(row["low_byte"], 16)): row for row in data_rows("safe_private.csv")
    }
    kept = private_rules(SAFE, ())
    assert {listed[key]["vr"] for key in set(listed) - set(kept)} == {"", "OB", "OW", "OW/OB"}
    assert (0x7E01, "HOLOGIC, Inc.", 0x12) in listed
    assert (0x7FD1, "SIEMENS SYNGO ULTRA-SOUND TOYON DATA STREAMING", 0x10) in listed
    assert not {rule.vr for rule in kept.values()} & PAYLOADS


def test_without_the_option_there_is_no_rule() -> None:
    own = PrivateAttribute(0x0019, "SITE", 1, "LO", "1", "kernel")
    assert private_rules(frozenset(), [own]) == {}


def test_uids_are_mapped_and_dates_follow_the_options() -> None:
    own = [PrivateAttribute(0x0019, "SITE", low, vr, "1", "x") for low, vr in enumerate(("UI", "DA", "DT", "TM", "LO"))]

    def actions(*options: Option) -> list[Action | None]:
        rules = private_rules(SAFE | set(options), own)
        return [rules[a.key].action if a.key in rules else None for a in own]

    assert actions() == [Action.MAP, None, None, None, Action.KEEP]
    assert actions(Option.RETAIN_FULL_DATES) == [Action.MAP] + [Action.KEEP] * 4
    shifted = [Action.MAP, Action.SHIFT, Action.SHIFT, Action.KEEP, Action.KEEP]
    assert actions(Option.RETAIN_MODIFIED_DATES) == shifted


def test_the_groups_of_varian_are_never_kept() -> None:
    own = [PrivateAttribute(group, "Varian Medical Systems VISION", 0, "UN", "1", "x") for group in NEVER]
    assert {key[0] for key in private_rules(SAFE, own)} & NEVER == set()


def test_a_site_list_is_read_whatever_the_order_of_its_columns(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "# our scanners",
        "the reconstruction kernel,LO,1,0C,0029,ACME 1.0",
        '"needed, by physics",OB,1,ff,7fd1,"TOYON, Inc."',
        header="\ufeffBecause,VR,vm,low_byte,group,creator\n",
    )
    assert read_site_list(path) == (
        PrivateAttribute(0x0029, "ACME 1.0", 0x0C, "LO", "1", "the reconstruction kernel"),
        PrivateAttribute(0x7FD1, "TOYON, Inc.", 0xFF, "OB", "1", "needed, by physics"),
    )


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("0028,ACME,01,LO,1,x", "line 2: group: must be four hexadecimal digits, odd"),
        ("29,ACME,01,LO,1,x", "line 2: group: must be four hexadecimal digits, odd"),
        ("3253,Varian,01,LO,1,x", "line 2: group: 3253 holds a document with names"),
        ("3287,Varian,01,LO,1,x", "line 2: group: 3287 holds"),
        ("7FE1,ACME,01,LO,1,x", "line 2: group: 7FE1 comes behind the pixel data"),
        ("0029,,01,LO,1,x", "line 2: creator: must be the private creator"),
        ("0029,A\\B,01,LO,1,x", "line 2: creator: must be the private creator"),
        ("0029,ACME,1001,LO,1,x", "line 2: low_byte: must be the last two hexadecimal digits"),
        ("0029,ACME,01,PN,1,x", "line 2: vr: PN is never kept"),
        ("0029,ACME,01,UR,1,x", "line 2: vr: UR is never kept"),
        ("0029,ACME,01,ZZ,1,x", "line 2: vr: must be one of AE"),
        ("0029,ACME,01,LO,many,x", "line 2: vm: must be written as in the data dictionary"),
        ("0029,ACME,01,LO,1,", "line 2: because: must say why"),
        ("0029,ACME,01,LO,1", "line 2: has 5 cells, not 6"),
    ],
)
def test_faults_name_line_and_column(tmp_path: Path, row: str, fault: str) -> None:
    with pytest.raises(InputError) as raised:
        read_site_list(written(tmp_path, row))
    assert len(raised.value.problems) == 1
    assert f"safe_private.csv, {fault}" in raised.value.problems[0]


def test_all_faults_are_told_at_once_and_doubles_name_both_lines(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        read_site_list(written(tmp_path, "0029,A,01,LO,1,x", "0029,A,01,SH,1,y", "0028,A,1,PN,0,"))
    assert "line 3: names the attribute of line 2 again" in raised.value.problems[0]
    assert len(raised.value.problems) == 6


def test_a_wrong_header_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 1: column low_byte is missing; rename 'lowbyte'") as raised:
        read_site_list(written(tmp_path, header="group,creator,lowbyte,vr,vm,because\n"))
    assert "'lowbyte' is no column of this list" in str(raised.value)
    with pytest.raises(InputError, match="line 1 must name the columns"):
        read_site_list(written(tmp_path, header=""))


def test_the_list_of_a_site_lies_in_home_or_where_the_settings_say(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    assert site_list(settings) == ()
    settings.home.mkdir()
    written(settings.home, "0029,ACME,01,LO,1,x")
    assert len(site_list(settings)) == 1
    with pytest.raises(InputError, match="there is no list"):
        site_list(Settings(home=tmp_path, safe_private=tmp_path / "absent.csv"))


def test_the_standards_rows_have_a_vr_and_a_vm_that_the_site_list_would_accept(tmp_path: Path) -> None:
    lines = (f'{a.group:04X},"{a.creator}",{a.low_byte:02X},{a.vr},{a.vm},x' for a in safe_private())
    assert len(read_site_list(written(tmp_path, *lines))) == len(safe_private())
