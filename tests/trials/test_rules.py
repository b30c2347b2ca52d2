"""Rules of a definition are read, or every fault is told with file, line, field and nearest right spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacs2trial.errors import InputError
from pacs2trial.trials.attributes import ANY_DEPTH, Named, attributes, path_of, tags_of
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.load import canonical, load_definition
from pacs2trial.trials.rulefaults import Does
from pacs2trial.trials.rules import AttributeRule

HEAD = """\
trial: LUNGART
sponsor: Example Foundation
protocol: LA-1
keys: {file: lungart.csv}
subject_key: "LA-[0-9]{3}"
source: {pacs: main, modalities: [CT]}
"""
RULE_LINE = HEAD.count("\n") + 3


def written(folder: Path, *rules: str, tail: str = "") -> Path:
    path = folder / "demo.yaml"
    path.write_text(HEAD + "profile:\n  rules:\n" + "".join(f"    - {rule}\n" for rule in rules) + tail, "utf-8")
    return path


def problems(folder: Path, *rules: str, tail: str = "") -> tuple[str, ...]:
    with pytest.raises(InputError) as raised:
        load_definition(written(folder, *rules, tail=tail))
    return raised.value.problems


RIGHT = (
    '{attribute: ClinicalTrialTimePointID, set: "{timepoint}"}',
    '{attribute: "(0019,xx10) SIEMENS MR HEADER", keep: true, because: needed}',
    '{attribute: "(300A,00C2)", keep: true}',
    "{attribute: 300a00c2, keep: true}",
    '{attribute: "(50xx,xxxx)", remove: true}',
    "{attribute: OverlayData, remove: true}",
    "{attribute: BeamSequence > BeamName, hash: true}",
    "{attribute: BeamSequence > * > CodeMeaning, clean: true}",
    "{vr: PN, remove: true}",
    "{private_creator: SIEMENS CSA HEADER, remove: true}",
    '{attribute: "(0019,xx10)", private_creator: SIEMENS MR HEADER, vr: US, keep: true}',
    "{attribute: StudyDescription, empty: true, sop_class: RTPlanStorage, modality: RTPLAN}",
    "{attribute: StudyDescription, empty: true, sop_class: [RT Plan Storage, 1.2.840.10008.5.1.4.1.1.2]}",
    '{attribute: PatientSize, dummy: "1.75"}',
    "{attribute: PatientSize, dummy: true}",
    '{attribute: SeriesDescription, replace: {"Kopf": "Head", "Thorax": ""}}',
    '{attribute: SeriesDescription, replace: [{pattern: "(Kopf|Head).*", by: HEAD}, {text: x, by: y}]}',
    "{attribute: AccessionNumber, map: code}",
    "{attribute: ReferencedSOPInstanceUID, map: uid}",
    "{attribute: AcquisitionDate, shift: true}",
    '{attribute: Rows, set: "512"}',
    '{attribute: StudyDescription, set: "Zürich {{x}} {arm}"}',
    '{attribute: ContentDate, set: "20240131"}',
)


def test_every_kind_of_rule_is_read_and_survives_its_canonical_form(tmp_path: Path) -> None:
    definition = load_definition(written(tmp_path, *RIGHT))
    assert len(definition.profile.rules) == len(RIGHT)
    assert {rule.does for rule in definition.profile.rules} == set(Does)
    again = TrialDefinition.model_validate_json(canonical(definition))
    assert again == definition
    assert hash(again) == hash(definition)
    assert canonical(again) == canonical(definition)


NEEDS_TEXT = "must be text: put it in quotes, since YAML reads numbers, days and yes its own way"
FORMS = "write a keyword such as BeamName, a tag such as (300A,00C2), or (0019,xx10) CREATOR if it is private"
FAULTS = (
    (
        "{attribute: ClinicalTrialTimepointID, keep: true}",
        ".attribute: unknown attribute 'ClinicalTrialTimepointID'; did you mean ClinicalTrialTimePointID",
    ),
    ("{attribute: Qqqqqq, keep: true}", f".attribute: unknown attribute 'Qqqqqq'; {FORMS}"),
    ("{attribute: beam name, keep: true}", f".attribute: 'beam name' names no attribute: {FORMS}"),
    ('{attribute: "(0018,FFFF)", keep: true}', f".attribute: (0018,FFFF) is no attribute of PS3.6: {FORMS}"),
    (
        '{attribute: "(0019,1010)", keep: true}',
        ".attribute: (0019,1010) is private, and means something only with its creator: write (0019,xx10) CREATOR",
    ),
    (
        '{attribute: "(0019,1010) SIEMENS MR HEADER", keep: true}',
        (
            ".attribute: (0019,1010) SIEMENS MR HEADER: the block of a private creator differs: "
            "write (0019,xx10) SIEMENS MR HEADER"
        ),
    ),
    (
        '{attribute: "(0018,1010) ACME", keep: true}',
        ".attribute: (0018,1010) ACME is of an even group, and has no private creator",
    ),
    (
        "{attribute: BeamName, private_creator: ACME, keep: true}",
        ".attribute: BeamName is a standard attribute, and has no private creator",
    ),
    (
        '{attribute: "(0002,0016)", keep: true}',
        ".attribute: (0002,0016) does not stand in a data set: file meta information is always written anew",
    ),
    ('{attribute: "(0008,0000)", keep: true}', ".attribute: (0008,0000) is a group length, which is never written"),
    (
        "{attribute: BeamName > BeamNumber, keep: true}",
        ".attribute: BeamName is no sequence: nothing stands inside it",
    ),
    (
        '{attribute: "* > BeamNumber", keep: true}',
        ".attribute: * stands between two names; without it an attribute is meant at any depth already",
    ),
    ("{vr: XX, keep: true}", ".vr: unknown VR 'XX'"),
    ("{vr: pn, remove: true}", ".vr: unknown VR 'pn'; did you mean PN?"),
    ("{attribute: StudyDate, vr: LO, keep: true}", ".vr: never matches: StudyDate has VR DA"),
    ("{keep: true}", ": names no attribute: add attribute, vr or private_creator"),
    (
        "{attribute: BeamName}",
        ": says nothing to do: add one of keep, remove, empty, dummy, replace, map, hash, shift, clean, set",
    ),
    ("{attribute: BeamName, keep: true, remove: true}", ": says keep and remove: a rule does one thing"),
    ("{attribute: BeamName, kep: true}", ".kep: unknown field 'kep'; did you mean keep?"),
    ("{attribute: BeamName, keep: false}", ".keep: takes only true; leave it out where it is not meant"),
    ("{attribute: BeamName, dummy: 5}", ".dummy: takes true, or the text of the dummy in quotes"),
    ("{attribute: BeamName, dummy: ' '}", ".dummy: a dummy is not empty; to empty the attribute, say empty: true"),
    ("{attribute: BeamName, map: code2}", ".map: unknown value 'code2'; did you mean code?"),
    ("{attribute: BeamName, map: uid}", ".map: uid maps UIDs, code maps short texts: BeamName has VR LO"),
    ("{attribute: BeamName, shift: true}", ".shift: only dates are shifted: BeamName has VR LO"),
    ("{attribute: StudyDate, clean: true}", ".clean: only free text is cleaned: StudyDate has VR DA"),
    (
        "{attribute: StudyDate, hash: true}",
        ".hash: the keyed hash is a code of 14 letters and digits, which does not fit: StudyDate has VR DA",
    ),
    (
        "{attribute: Rows, replace: {a: b}}",
        ".replace: only text and numbers written as text are replaced: Rows has VR US",
    ),
    ("{attribute: BeamSequence, dummy: true}", ".dummy: there is no such dummy for it: BeamSequence has VR SQ"),
    ("{attribute: BeamSequence, set: x}", ".set: its value cannot be written out: BeamSequence has VR SQ"),
    ("{vr: LO, set: x}", ".set: writes one standard attribute: name it by its keyword"),
    ('{attribute: "(0019,xx10) ACME", set: x}', ".set: writes one standard attribute: name it by its keyword"),
    ("{attribute: StudyDate, set: 2024-01-01}", f".set: {NEEDS_TEXT}"),
    (
        '{attribute: StudyDate, set: "2024-01-01"}',
        ".set: StudyDate: VR DA takes a day as YYYYMMDD, such as 20240131",
    ),
    (
        '{attribute: StudyDate, set: "20240231"}',
        ".set: StudyDate: there is no such day; VR DA takes a day as YYYYMMDD, such as 20240131",
    ),
    ('{attribute: StudyTime, set: "25"}', ".set: StudyTime: VR TM takes a time as HHMMSS"),
    ('{attribute: Modality, set: "Ct!"}', ".set: Modality: VR CS takes capital letters, digits, spaces and _"),
    ('{attribute: PatientAge, set: "57"}', ".set: PatientAge: VR AS takes an age as 3 digits and D, W, M or Y"),
    ('{attribute: PatientSize, set: "1,75"}', ".set: PatientSize: VR DS takes a number such as 1.75"),
    ('{attribute: Rows, set: "70000"}', ".set: Rows: VR US takes a whole number in its range"),
    (
        f'{{attribute: StationName, set: "{"x" * 17}"}}',
        ".set: StationName: it has 17 characters, VR SH takes at most 16",
    ),
    (
        '{attribute: StationName, set: "東京"}',
        ".set: StationName: it has letters that not every character set can hold: write it in Latin letters",
    ),
    (
        "{attribute: StationName, set: 'a\\b'}",
        ".set: StationName: a backslash separates values in DICOM: write one value without it",
    ),
    (
        '{attribute: StationName, set: "a\\nb"}',
        ".set: StationName: it holds line breaks or control characters, which VR SH does not take",
    ),
    ('{attribute: StationName, set: ""}', ".set: there is nothing to write; to empty the attribute, say empty: true"),
    (
        '{attribute: StationName, set: "{x"}',
        ".set: a brace has no partner: write {column}, and {{ or }} for the sign itself",
    ),
    ('{attribute: StationName, set: "{}"}', ".set: {} names nothing: write {column} or {lookup.name}"),
    (
        '{attribute: StationName, set: "{patient_id}"}',
        ".set: {patient_id} says who the patient is in the hospital, and never leaves",
    ),
    ('{attribute: StationName, set: "{lookup.arm}"}', ".set: unknown look-up 'arm'; define it under lookups"),
    (
        "{attribute: StudyDescription, replace: [{pattern: '(', by: x}]}",
        ".replace[0].pattern: not a regular expression: missing ), unterminated subpattern at position 0",
    ),
    (
        "{attribute: StudyDescription, replace: [{pattern: 'a', by: '\\1'}]}",
        ".replace[0].by: asks for what the pattern does not find: invalid group reference 1 at position 1",
    ),
    (
        "{attribute: StudyDescription, replace: [{by: x}]}",
        ".replace[0]: needs either text (a whole value) or pattern (a regular expression)",
    ),
    (
        "{attribute: StudyDescription, replace: x}",
        '.replace: takes {"old value": "new value"}, or a list of {pattern: …, by: …}',
    ),
    (
        "{attribute: Modality, replace: {MR: mr}}",
        ".replace[0].by: Modality: VR CS takes capital letters, digits, spaces and _",
    ),
    (
        "{attribute: BeamName, keep: true, sop_class: RTPlanStorag}",
        ".sop_class: unknown SOP class 'RTPlanStorag'; did you mean RTPlanStorage",
    ),
    (
        "{attribute: BeamName, keep: true, modality: rtplan}",
        ".modality[0]: 'rtplan' does not match ^[A-Z0-9_ ]{1,16}$",
    ),
)


@pytest.mark.parametrize(("rule", "message"), FAULTS, ids=[str(number) for number in range(len(FAULTS))])
def test_a_fault_of_a_rule_is_told_with_place_and_remedy(tmp_path: Path, rule: str, message: str) -> None:
    found = problems(tmp_path, "{vr: UN, remove: true}", rule)
    assert len(found) == 1, found
    assert found[0].startswith(f"demo.yaml line {RULE_LINE + 1}, profile.rules[1]{message}")


def test_the_faults_of_several_rules_are_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, *(rule for rule, _ in FAULTS[:6]))
    assert [problem.split(", ")[0] for problem in found] == [f"demo.yaml line {RULE_LINE + n}" for n in range(6)]


LOOKUP_FAULTS = (
    ("{file: arms.csv}", "lookups.arm.match: is missing: the column of the file, and what stands in it"),
    ("{file: arms.csv, match: subject_key}", "lookups.arm.value: is missing: the column of the file that holds"),
    ("{file: arms.csv, connection: x}", "lookups.arm: needs either file, match and value, or connection and query"),
    ("{connection: x}", "lookups.arm: needs either file, match and value, or connection and query"),
    ("{}", "lookups.arm: needs either file, match and value, or connection and query"),
    (
        '{connection: x, query: "delete from t where k = :subject_key"}',
        "lookups.arm.query: must be one SELECT: a look-up only reads",
    ),
    (
        '{connection: x, query: "select 1; drop table t"}',
        "lookups.arm.query: must be one SELECT: a look-up only reads",
    ),
    (
        '{connection: x, query: "select arm from t"}',
        "lookups.arm.query: asks by nothing: use a parameter such as :subject_key",
    ),
    (
        '{connection: x, query: "select arm -- :subject_key"}',
        "lookups.arm.query: holds a comment: leave it out",
    ),
    ("{file: a.csv, match: subject_key, valeu: arm}", "lookups.arm.valeu: unknown field 'valeu'; did you mean value?"),
)


@pytest.mark.parametrize(("lookup", "message"), LOOKUP_FAULTS, ids=[str(n) for n in range(len(LOOKUP_FAULTS))])
def test_a_fault_of_a_lookup_is_told_with_place_and_remedy(tmp_path: Path, lookup: str, message: str) -> None:
    found = problems(tmp_path, "{vr: UN, remove: true}", tail=f"lookups:\n  arm: {lookup}\n")
    assert any(problem.startswith(f"demo.yaml line {RULE_LINE + 2}, {message}") for problem in found), found


def test_lookups_are_named_in_a_plain_way_and_found_by_likeness(tmp_path: Path) -> None:
    tail = "lookups:\n  ARM 1: {file: a.csv, match: subject_key, value: arm}\n"
    assert "lookups.ARM 1: a look-up is named with small letters" in problems(tmp_path, RIGHT[0], tail=tail)[0]
    tail = "lookups:\n  treatment: {file: a.csv, match: subject_key, value: arm}\n"
    rule = '{attribute: StudyDescription, set: "{lookup.tretment}"}'
    assert problems(tmp_path, rule, tail=tail)[0].endswith("unknown look-up 'tretment'; did you mean treatment?")


def test_a_lookup_says_by_what_it_is_asked() -> None:
    from pacs2trial.trials.lookups import Lookup

    query = "select a::text from t where k = :subject_key and i = :patient_id and t > '10:20' and k <> :subject_key"
    assert Lookup(connection="x", query=query).asked_by == ("patient_id", "subject_key")
    assert Lookup(file="a.csv", match={"Subject": "subject_key", "Site": "centre"}, value="arm").asked_by == (
        "centre",
        "subject_key",
    )


def one(path: str, creator: str = "") -> Named:
    (step,) = path_of(path, creator)
    assert isinstance(step, Named)
    return step


@pytest.mark.parametrize("spelling", ["BeamName", "(300A,00C2)", "300A00C2", "(300a, 00c2)", "300A,00C2"])
def test_all_spellings_of_an_attribute_mean_the_same(spelling: str) -> None:
    assert set(tags_of(one(spelling))) == {0x300A00C2}
    assert one(spelling).is_one


def test_a_pattern_means_every_attribute_with_its_digits() -> None:
    assert set(tags_of(one("(0008,103x)"))) == {tag for tag in attributes() if tag >> 4 == 0x0008103}
    overlays = set(tags_of(one("(60xx,3000)")))
    assert overlays == {0x60003000 + (n << 16) for n in range(0, 0x20, 2)} == set(tags_of(one("OverlayData")))


def test_a_private_attribute_is_matched_by_creator_and_low_byte() -> None:
    named = one("(0019,xx10) SIEMENS MR HEADER")
    assert named == Named(0x00190010, 0xFFFF00FF, "SIEMENS MR HEADER", "(0019,xx10) SIEMENS MR HEADER")
    assert named.matches(0x00191210, "SIEMENS MR HEADER")
    assert not named.matches(0x00191210, "ACME")
    assert not named.matches(0x00191211, "SIEMENS MR HEADER")
    assert list(tags_of(named)) == []


def test_a_path_names_the_way_through_sequences() -> None:
    first, star, last = path_of("BeamSequence > * > CodeMeaning")
    assert isinstance(first, Named)
    assert isinstance(last, Named)
    assert (first.tag, star, last.tag) == (0x300A00B0, ANY_DEPTH, 0x00080104)


def test_every_keyword_of_the_dictionary_can_be_written() -> None:
    for tag, known in attributes().items():
        if tag >> 24 not in (0x50, 0x60):
            assert one(known.keyword).tag == tag


def test_a_rule_for_a_vr_means_every_attribute_of_it() -> None:
    rule = AttributeRule(vr="PN", remove=True)
    assert rule.target.matches(0x00100010)
    assert rule.fits("PN")
    assert not rule.fits("LO")
