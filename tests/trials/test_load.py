"""A definition is read, or every fault of it is told with file, line, field and remedy."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from pacs2trial.errors import InputError
from pacs2trial.trials.definition import Option, TrialDefinition
from pacs2trial.trials.load import canonical, load_definition, load_trial, load_trials

GOOD = """\
trial: LUNGART
title: Lung ART
sponsor: Example Foundation
protocol: LA-1
site: {id: UK01, name: Example Hospital}
keys: {file: lungart.csv}
subject_key: "LA-[0-9]{3}"
source:
  pacs: main
  modalities: [CT, RTSTRUCT, RTPLAN, RTDOSE]
profile:
  options:
    - clean_descriptors
    - retain_modified_dates
package: {per: study, compression: store}
review: never
deliver:
  - {to: folder, path: /srv/out}
schedule: "0 2 * * *"
start: 2024-01-01
"""


def written(folder: Path, text: str = GOOD, name: str = "demo.yaml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def problems(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(InputError) as raised:
        load_definition(written(folder, text))
    return raised.value.problems


def test_good_definition_is_read(tmp_path: Path) -> None:
    definition = load_definition(written(tmp_path))
    assert definition.trial == "LUNGART"
    assert definition.profile.options == (Option.CLEAN_DESCRIPTORS, Option.RETAIN_MODIFIED_DATES)
    assert definition.start == date(2024, 1, 1)
    assert definition.source.modalities == ("CT", "RTSTRUCT", "RTPLAN", "RTDOSE")


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        (
            "    - retain_modified_dates",
            "    - retain_dates",
            (
                "demo.yaml line 14, profile.options[1]: unknown option 'retain_dates'; "
                "did you mean retain_full_dates or retain_modified_dates?"
            ),
        ),
        (
            "    - clean_descriptors",
            "    - retain_uids",
            (
                "demo.yaml line 13, profile.options[0]: option 'retain_uids' is not possible here: the original "
                "UIDs are gone after stage 1, every UID is a pseudonym of the trial"
            ),
        ),
        (
            "    - clean_descriptors",
            "    - retain_full_dates",
            "demo.yaml line 12, profile.options: retain_full_dates and retain_modified_dates exclude each other",
        ),
        ("sponsor: Ex", "sponser: Ex", "demo.yaml line 3, sponser: unknown field 'sponser'; did you mean sponsor?"),
        ("  pacs: main", "  pac: main", "demo.yaml line 9, source.pac: unknown field 'pac'; did you mean pacs?"),
        ("  pacs: main\n", "", "demo.yaml line 8, source.pacs: is missing"),
        (
            "review: never",
            "review: allways",
            "demo.yaml line 16, review: unknown value 'allways'; did you mean always?",
        ),
        (
            "review: never",
            "review: 17",
            "demo.yaml line 16, review: unknown value '17'; known are always, changes, never",
        ),
        (
            "compression: store",
            "compression: fasst",
            "demo.yaml line 15, package.compression: unknown value 'fasst'; did you mean fast?",
        ),
        (
            "{to: folder, path: /srv/out}",
            "{to: ftp, connection: x}",
            "demo.yaml line 18, deliver[0].to: unknown value 'ftp'; did you mean sftp or ftps?",
        ),
        (
            "{to: folder, path: /srv/out}",
            "{to: sftp}",
            "demo.yaml line 18, deliver[0]: sftp needs the name of a connection",
        ),
        (
            "trial: LUNGART",
            "trial: Lung ART",
            "demo.yaml line 1, trial: 'Lung ART' does not match ^[A-Z0-9_-]{1,32}$",
        ),
        ("trial: LUNGART", "trial: STAGING", "demo.yaml line 1, trial: STAGING is the name of stage 1; choose another"),
        (
            'subject_key: "LA-[0-9]{3}"',
            'subject_key: "LA-["',
            "demo.yaml line 7, subject_key: not a regular expression: unterminated character set at position 3",
        ),
        (
            "keys: {file: lungart.csv}",
            "keys: {}",
            "demo.yaml line 6, keys: needs either file, or connection and query",
        ),
        (
            "keys: {file: lungart.csv}",
            "keys: {file: a.csv, query: select 1}",
            "demo.yaml line 6, keys: names both a file and a query; keep one",
        ),
        (
            'schedule: "0 2 * * *"',
            "schedule: nightly",
            "demo.yaml line 19, schedule: 'nightly' is no schedule; write cron fields such as '0 2 * * *', or @daily",
        ),
        (
            "  pacs: main",
            "  pacs: main\n  retrieve: wado-rs",
            "demo.yaml line 10, source.retrieve: unknown value 'wado-rs'; known are c-get, c-move, dicomweb",
        ),
        (
            "  pacs: main",
            "  pacs: main\n  select: {linked: true}",
            "demo.yaml line 10, source.select: selects by nothing; give days, description, or both",
        ),
        (
            "  pacs: main",
            "  pacs: main\n  select: {days: {colum: start}}",
            "demo.yaml line 10, source.select.days.colum: unknown field 'colum'; did you mean column?",
        ),
        (
            "  pacs: main",
            "  pacs: main\n  select:\n    days: {column: start, before: -3}",
            "demo.yaml line 11, source.select.days.before: must be greater than or equal to 0",
        ),
        (
            "  pacs: main",
            "  pacs: main\n  select:\n    description: 4711",
            "demo.yaml line 11, source.select.description: must be text in quotes, or a list of such texts",
        ),
        (
            "review: never",
            "filter: {rules: [{modality: US, then: detct}]}",
            "demo.yaml line 16, filter.rules[0].then: unknown value 'detct'; did you mean detect?",
        ),
        (
            "review: never",
            "filter: {rules: [{modalty: US, then: detect}]}",
            "demo.yaml line 16, filter.rules[0].modalty: unknown field 'modalty'; did you mean modality?",
        ),
        (
            "review: never",
            "filter:\n  rules:\n    - modality: US\n      then: mask",
            "demo.yaml line 18, filter.rules[0].areas: mask needs areas, such as ['0,0,1024,70']",
        ),
        (
            "review: never",
            'filter: {rules: [{modality: US, then: mask, areas: ["0,0,10"]}]}',
            (
                "demo.yaml line 16, filter.rules[0].areas[0]: '0,0,10' is no area; "
                "write x,y,width,height in pixels, with :3 or :3-7 behind it for frames"
            ),
        ),
        (
            "review: never",
            "filter: {wanted: [{slice_thickness: {at_least: 3, at_most: 1}}]}",
            "demo.yaml line 16, filter.wanted[0].slice_thickness: at_least is greater than at_most",
        ),
        (
            "review: never",
            "filter: {require: {links: [plan-dos]}}",
            "demo.yaml line 16, filter.require.links[0]: unknown value 'plan-dos'; did you mean plan-dose?",
        ),
        (
            "review: never",
            "filter: {faces: accept}",
            (
                "demo.yaml line 16, filter.faces.because: "
                "faces that leave need a reason, such as 'the dose to the face is studied'"
            ),
        ),
        ("title: Lung ART", "title: 12", "demo.yaml line 2, title: must be a valid string"),
        ("title: Lung ART", "trial: OTHER", "demo.yaml line 2, trial: written before on line 1; keep one"),
        (
            "  modalities: [CT, RTSTRUCT, RTPLAN, RTDOSE]",
            "  modalities: [ct]",
            "demo.yaml line 10, source.modalities[0]: 'ct' does not match ^[A-Z0-9_ ]{1,16}$",
        ),
    ],
)
def test_fault_is_told_with_place_and_remedy(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    assert right in GOOD
    assert message in problems(tmp_path, GOOD.replace(right, wrong))


def test_all_faults_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("sponsor:", "sponser:").replace("review: never", "review: nvr").replace("store}", "storee}")
    lines = [int(re.search(r"line (\d+)", problem)[1]) for problem in problems(tmp_path, text)]  # type: ignore[index]
    assert lines == [1, 3, 15, 16]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trial: [", "demo.yaml line 1, column 9: not YAML: expected the node content"),
        ("- LUNGART", "demo.yaml line 1: expected a trial definition that begins with 'trial: <ID>'"),
        ("", "demo.yaml line 1: expected a trial definition that begins with 'trial: <ID>'"),
        ("start: 2024-02-31", "demo.yaml: a date in it does not exist"),
        ("a: &x [1]\nb: *x", "demo.yaml line 2, column 4: not YAML: aliases (*name) are not used in definitions"),
        ("trial: !!python/object:os.system {}", "could not determine a constructor"),
    ],
)
def test_text_that_is_no_definition_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in "\n".join(problems(tmp_path, text))


def test_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo.yaml").write_bytes(b"title: \xff\xfe")
    with pytest.raises(InputError, match="cannot be read as UTF-8 text"):
        load_definition(tmp_path / "demo.yaml")


def test_broken_definitions_do_not_hide_the_others(tmp_path: Path) -> None:
    written(tmp_path)
    broken_path = written(tmp_path, "trial: 1", "broken.yaml")
    trials, broken = load_trials(tmp_path)
    assert set(trials) == {"LUNGART"}
    assert set(broken) == {broken_path}


def test_trial_defined_twice_is_wrong_in_both_files(tmp_path: Path) -> None:
    written(tmp_path, name="a.yaml")
    written(tmp_path, name="b.yml")
    trials, broken = load_trials(tmp_path)
    assert not trials
    assert [str(error) for error in broken.values()] == [
        "a.yaml, trial: LUNGART is also defined in b.yml; a trial has one file",
        "b.yml, trial: LUNGART is also defined in a.yaml; a trial has one file",
    ]


def test_trial_is_found_whatever_its_case(tmp_path: Path) -> None:
    written(tmp_path)
    assert load_trial(tmp_path, "lungart").trial == "LUNGART"


def test_unknown_trial_names_folder_and_those_that_exist(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(InputError) as raised:
        load_trial(tmp_path, "BREAST")
    assert str(raised.value) == f"trial 'BREAST' is not defined in {tmp_path}; trials there: LUNGART"


def test_asking_for_a_broken_trial_tells_what_is_broken(tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("review: never", "review: nvr"), "some_name.yaml")
    with pytest.raises(InputError, match=re.escape("some_name.yaml line 16, review: unknown value 'nvr'")):
        load_trial(tmp_path, "LUNGART")


def test_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder of trial definitions; set PACS2TRIAL_TRIALS"):
        load_trials(tmp_path / "absent")


def test_canonical_form_does_not_depend_on_how_it_is_written(tmp_path: Path) -> None:
    head, _, tail = GOOD.partition("title: Lung ART\n")
    other = written(tmp_path, "# note\n" + head + tail + "title: 'Lung ART'\n", "other.yaml")
    assert canonical(load_definition(written(tmp_path))) == canonical(load_definition(other))


def test_canonical_form_reads_back_as_the_same_definition(tmp_path: Path) -> None:
    definition = load_definition(written(tmp_path))
    assert TrialDefinition.model_validate_json(canonical(definition)) == definition


@pytest.mark.parametrize("key", ["LA-0012", "la-001", "XLA-001", "", "LA-001\n"])
def test_text_of_another_form_is_no_subject_key(tmp_path: Path, key: str) -> None:
    assert not load_definition(written(tmp_path)).is_subject_key(key)


@pytest.mark.parametrize("key", ["../x", "a/b", ".hidden", "a b", "ü", "x" * 65])
def test_subject_key_that_is_no_file_name_is_refused_even_if_the_pattern_allows_it(tmp_path: Path, key: str) -> None:
    text = GOOD.replace('subject_key: "LA-[0-9]{3}"', 'subject_key: "(?s).*"')
    assert not load_definition(written(tmp_path, text)).is_subject_key(key)
