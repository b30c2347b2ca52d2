"""Names are found however they are written; words that are also names stay where the word is meant."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from support.objects import ct_slice, encoded, raw_element, with_raw
from support.stages import reread, stage1


def named(name: str, **attributes: object) -> Dataset:
    ds = ct_slice()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName = name
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def kept(name: str, text: str) -> str:
    """What stage 1 leaves of a description in an object of a patient of this name."""
    return str(reread(stage1(named(name, SeriesDescription=text))).get("SeriesDescription", ""))


FOUND = [
    # whole words, any case, any separator
    ("Smithers^John", "lung SMITHERS 2", "lung 2"),
    ("Smithers^John", "lung_smithers_2", "lung 2"),
    ("Smithers^John", "for john", ""),
    ("Smithers^John", "plan John2", "plan"),
    ("Smithers^John", "Thorax (Smithers) 5mm", "Thorax 5mm"),
    ("Smithers^John", "JOHN SMITHERS", ""),
    ("Smithers^John", "Smithers, John: thorax", "thorax"),
    ("Smithers^John", "smithers.john@example.org lung", "lung"),
    # written together, in one word with others, cut off, spelt out
    ("Smithers^John", "LUNGSMITHERSJ", ""),
    ("Smithers^John", "SmithersJohnCT", ""),
    ("Smithers^John", "jsmithers lung", "lung"),
    ("Smithers^John", "smithersj", ""),
    ("Lee^Ann", "plan leeann", "plan"),
    ("Lee^Ann", "annlee01", ""),
    ("Lee^Ann", "LeeThorax", ""),
    ("Wolfeschlegelstein^Ada", "PLAN WOLFESCHLEG", "PLAN"),
    ("Wolfeschlegelstein^Ada", "Wolfeschl lung", "lung"),
    ("Smithers^John", "S M I T H E R S lung", "lung"),
    ("Smithers^John", "S.M.I.T.H.E.R.S", ""),
    # parts of parts
    ("O'Brien^Mary-Jane", "obrien plan", "plan"),
    ("O'Brien^Mary-Jane", "O'Brien plan", "plan"),
    ("O'Brien^Mary-Jane", "plan of Mary", "plan"),
    ("O'Brien^Mary-Jane", "MARYJANE", ""),
    ("van der Bergen^Joris", "BERGEN 1", "1"),
    ("Garcia Marquez^Gabriel", "plan Marquez", "plan"),
    # without carets, reversed, several persons, groups
    ("Smithers John", "thorax John", "thorax"),
    ("SMITHERS, JOHN", "thorax smithers", "thorax"),
    ("John_Smithers", "thorax smithers", "thorax"),
    ("Doe^Jane\\Kowalski^Anna", "Kowalski lung", "lung"),
    ("Yamada^Tarou=山田^太郎=やまだ^たろう", "scan 山田", "scan"),
    ("Yamada^Tarou=山田^太郎=やまだ^たろう", "scan やまだ", "scan"),
    ("Yamada^Tarou=山田^太郎=やまだ^たろう", "胸部山田太郎様", ""),
    ("Yamada^Tarou=山田^太郎=やまだ^たろう", "YAMADA", ""),
    ("Hong^Gildong=洪^吉洞=홍^길동", "홍길동 chest", "chest"),
    # marks and strokes, both ways
    ("Müller^Jörg", "mit Muller", ""),
    ("Müller^Jörg", "mit MÜLLER", ""),
    ("Müller^Jörg", "Mueller CT", "CT"),
    ("Mueller^Joerg", "Müller CT", "CT"),
    ("Mueller^Joerg", "MULLER CT", "CT"),
    ("Muller^Jorg", "Müller CT", "CT"),
    ("Müller^Jörg", "Mu\u0308ller CT", "CT"),
    ("Łuczyńska^Żaneta", "luczynska lung", "lung"),
    ("Luczynska^Zaneta", "Łuczyńska lung", "lung"),
    ("Sørensen^Åse", "soerensen lung", "lung"),
    ("Sorensen^Ase", "Sørensen lung", "lung"),
    ("Weiß^Anneliese", "WEISS lung", "lung"),
    ("Weiss^Anneliese", "Weiß lung", "lung"),
    ("Çelik^I\u015f\u0131l", "celik isil lung", "lung"),
    ("Ивано́в^Пётр", "ИВАНОВ петр lung", "lung"),
    # words of daily life: the name, unless the neighbours say otherwise
    ("Gray^May", "CT MAY", "CT"),
    ("Gray^May", "Gray lung", "lung"),
    ("Gray^May", "plan Gray 2", "plan 2"),
    ("Rose^Al", "Rose plan", "plan"),
    ("Young^Iris", "iris", ""),
    ("Stone^Wood", "stone wood lung", "lung"),
    ("White^Jack", "plan for White", "plan"),
    # words of imaging: only where they stand as a name does
    ("Lung^Max", "Lung, Max", ""),
    ("Lung^Rose", "Rose Lung plan", "plan"),
    ("Head^Susan", "CT Susan Head", "CT"),
    ("Head^Susan", "CT Head S.", "CT"),
    ("Head^Susan", "S. Head", ""),
    ("Head^Susan", "Mrs Head", ""),
    ("Head^Simon", "Mr Head", ""),
    ("Head^Simon", "MR. HEAD", ""),
    ("Head^Susan", "Dr. Head", ""),
    ("Bone^John", "Bone^J", ""),
    ("Bone^John", "patient: Bone", "patient"),
    ("Bone^John", "Bone's plan", "plan"),
    ("Stern^Bo", "Bo Stern", ""),
    # one and two letters
    ("Ng^Wei", "Dr Ng", ""),
    ("Li^Bo", "Li Bo lung", "lung"),
    ("Li^Bo", "BoLi", ""),
]

STAYING = [
    ("Gray^May", "Dose in Gy, maybe grayscale"),
    ("Gray^May", "60 Gray in 30 fx"),
    ("Gray^May", "gray matter"),
    ("Gray^May", "12 May"),
    ("Rose^Al", "Prostate rosette AL"),
    ("Stern^Bo", "sternum bone"),
    ("Stern^Bo", "sternal bone"),
    ("Lee^An", "sleeve and anterior"),
    ("Meyer^Li", "liver"),
    ("Lung^Rose", "CT Lung 5mm"),
    ("Lung^Rose", "Lung R"),
    ("Lung^Linda", "Lung_L"),
    ("Head^Susan", "HEAD FIRST SUPINE"),
    ("Head^Susan", "CT HEAD/NECK"),
    ("Bone^John", "Bone window"),
    ("Head^Susan", "MR HEAD"),
    ("Chest^Ann", "PA CHEST"),
    ("Young^Iris", "young adult"),
    ("White^Jack", "white matter mask"),
    ("Long^Ann", "long axis"),
    ("Brown^Ann", "brown fat PET"),
    ("Art^Ann", "online ART plan"),
    ("Short^Ann", "short axis"),
    ("Max^Ann", "MIP max projection"),
    ("Phantom^CT", "CT Phantom"),
    ("Test^Patient", "test patient"),
    ("Van Den Berghe^Ann", "plan van den lung"),
    ("Smith^J", "J 2"),
    ("Leber^Eva", "CT Leber nativ"),
]


@pytest.mark.parametrize(("name", "text", "left"), FOUND)
def test_a_name_is_found_and_the_rest_stays(name: str, text: str, left: str) -> None:
    assert kept(name, text) == left


@pytest.mark.parametrize(("name", "text"), STAYING)
def test_words_stay_where_the_word_is_meant(name: str, text: str) -> None:
    assert kept(name, text) == text


PERSONS = [
    ("ReferringPhysicianName", "Umlauf^Otto"),
    ("PerformingPhysicianName", "Umlauf^Otto"),
    ("OperatorsName", "X^Y\\Umlauf^Otto"),
    ("RequestingPhysician", "Umlauf^Otto"),
    ("PhysiciansOfRecord", "Umlauf^Otto"),
    ("NameOfPhysiciansReadingStudy", "Umlauf"),
    ("ReviewerName", "Umlauf^Otto"),
    ("ResponsiblePerson", "Umlauf^Otto"),
    ("PatientMotherBirthName", "Umlauf^Ottilie"),
    ("PatientBirthName", "Umlauf^Otto"),
    ("OtherPatientNames", "Umlauf^Otto"),
    ("ScheduledPerformingPhysicianName", "Umlauf^Otto"),
    ("ContentCreatorName", "Umlauf^Otto"),
]


@pytest.mark.parametrize(("keyword", "name"), PERSONS)
def test_every_person_of_the_object_is_searched(keyword: str, name: str) -> None:
    found = reread(stage1(named("Doe^Jane", SeriesDescription="lung Umlauf", **{keyword: name})))
    assert found.SeriesDescription == "lung"


def test_a_person_in_a_sequence_is_searched() -> None:
    person = Dataset()
    person.CodeValue, person.CodingSchemeDesignator, person.CodeMeaning = "AB12345", "99X", "Otto Umlauf"
    physician = Dataset()
    physician.PersonIdentificationCodeSequence = Sequence([person])
    physician.PersonAddress = "12 Acacia Avenue, Leeds"
    physician.PersonTelephoneNumbers = "+44 113 496 0000"
    ds = named("Doe^Jane", ReferringPhysicianIdentificationSequence=Sequence([physician]))
    for text in ("lung Umlauf", "lung AB12345", "lung 0113 4960000", "lung Acacia Avenue"):
        ds.SeriesDescription = text
        assert reread(stage1(ds)).SeriesDescription == "lung"


def test_a_code_that_names_no_person_is_not_searched() -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "AB12345", "99X", "Zygomatic"
    ds = named("Doe^Jane", SeriesDescription="Zygomatic AB12345", ProcedureCodeSequence=Sequence([code]))
    assert reread(stage1(ds)).SeriesDescription == "Zygomatic AB12345"


def test_placeholders_are_no_names() -> None:
    for name in ("ANONYMOUS", "Removed", "^", "----", "Last Name^First Name"):
        assert kept(name, "Anonymous first series removed") == "Anonymous first series removed"


@pytest.mark.parametrize(
    ("declared", "meant"), [("ISO_IR 100", "utf-8"), ("", "utf-8"), ("", "latin-1"), ("ISO_IR 192", "latin-1")]
)
def test_a_wrong_character_set_hides_no_name(declared: str, meant: str) -> None:
    """Whatever the name's bytes mean, both the plain spelling and the same bytes are found."""
    charset, name = declared.encode(), "Müllerstedt^Jörg".encode(meant)
    for text in (b"plan Mullerstedt ", "plan Müllerstedt".encode(meant)):
        extra = {
            0x00080005: raw_element(0x00080005, "CS", charset),
            0x00100010: raw_element(0x00100010, "PN", name + b" " * (len(name) % 2)),
            0x0008103E: raw_element(0x0008103E, "LO", text + b" " * (len(text) % 2)),
        }
        made = stage1(with_raw(encoded(named("Doe^Jane")), extra))
        assert b"llerstedt" not in made.header


def test_text_that_is_utf_8_in_truth_is_searched_as_such() -> None:
    text = "für Müllerstedt".encode()
    extra = {
        0x00080005: raw_element(0x00080005, "CS", b"ISO_IR 100"),
        0x00100010: raw_element(0x00100010, "PN", b"MUELLERSTEDT^JORG "),
        0x0008103E: raw_element(0x0008103E, "LO", text + b" " * (len(text) % 2)),
    }
    assert b"llerstedt" not in stage1(with_raw(encoded(named("Doe^Jane")), extra)).header


def test_a_name_in_switched_character_sets_is_found_in_each() -> None:
    name = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
    text = b"scan \x1b$B;3ED\x1b(B"
    for charset in (b"\\ISO 2022 IR 87", b""):
        extra = {
            0x00080005: raw_element(0x00080005, "CS", charset + b" " * (len(charset) % 2)),
            0x00100010: raw_element(0x00100010, "PN", name + b" " * (len(name) % 2)),
            0x0008103E: raw_element(0x0008103E, "LO", text + b" " * (len(text) % 2)),
        }
        assert b";3ED" not in stage1(with_raw(encoded(named("Doe^Jane")), extra)).header


def test_a_name_is_found_in_every_kind_of_kept_value() -> None:
    ds = named("Smithers^John", StationName="SMITHERS", ImageComments="seen\nby smithers", ProtocolName="a\\Smithers")
    ds.ManufacturerModelName = "JSMITHERS"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "SMITHERS"]
    ds.StationAETitle = "SMITHERS01"
    assert b"SMITHERS" not in stage1(ds).header.upper()
    assert list(reread(stage1(ds)).ImageType) == ["ORIGINAL", "PRIMARY", ""]
