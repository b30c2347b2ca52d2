"""Persons whom the object names nowhere do not leave in text that says how the object was made."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from pacs2trial.profile import Action, staging_plan, trial_plan
from pacs2trial.profile.strangers import Holds, holds_of, person_names, without_strangers
from support.definitions import trial
from support.objects import ct_slice
from support.shared import SHARED
from support.stages import both_stages, file_of, reread, stage1, stage2

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
STRANGERS = [
    "Ursula Kowalski",
    "KOWALSKI URSULA",
    "Kowalski, Ursula",
    "Kowalski^Ursula",
    "KOWALSKI_URSULA",
    "UrsulaKowalski",
    "Kowalski",
    "Recep Kuyucu",
    "Dr. Zdrojewska",
    "Prof Oyelaran",
    "Mrs Quxwort",
    "patient Quxwort",
    "Priyanka Head",
    "ask Ursula",
    "MRN 774412",
    "tel 4960000",
    "+44 113 496 0123",
    "0113 496 0123",
    "born 12.03.61",
    "12.03.1961",
    "12 March 1961",
    "1961-03-12",
    "mail a.b@example.org",
    "www.example.org/7",
    "4711223344",
    "12 Acacia Avenue",
]
STAYING = """
Siemens Healthineers | GE MEDICAL SYSTEMS | Varian Medical Systems, Inc. | Philips Healthcare |
Agfa-Gevaert N.V. | Carl Zeiss Meditec | Smith & Nephew | Johnson & Johnson | Bausch & Lomb |
Heidelberg Engineering | Elekta AB | SOMATOM Definition AS+ | MAGNETOM Vida | Discovery CT750 HD |
Aquilion ONE | Brilliance Big Bore | Sola | TrueBeam | Versa HD | Halcyon | ARIA RadOnc | Monaco | Eclipse |
RayStation | Oncentra MasterPlan | Radixact X9 | Br40d | B30f | I26s | FC08 | STANDARD | SOFT TISSUE | LUNG |
BONEPLUS | IMR1,Body Routine | Hann | Shepp-Logan | *tse2d1_11 | tfl3d1_16ns | 3D EFGRE | HeadNeck_20 |
8HRBRAIN | SENSE-XL-Torso | Q-Body | DLIR-H | iDose (3) | PSF+TOF 2i21s | 3D-OSEM | Fluorodeoxyglucose |
Gallium Ga 68 DOTATOC | Intravenous | Sternal Notch | HU | March | WEDGE_1 | LARGE BOWTIE | TotalSegmentator |
nnU-Net | Random Forest | application/pdf | Times New Roman |
Villa Sistemi Medicali | J. Morita Mfg. Corp. | Leksell Gamma Knife | Liebel-Flarsheim | Sun Nuclear |
Dürr Dental | Agilent Technologies | Carestream Vue | Wiener | Metz | Blackman | Pencil Beam | ProHance |
Elekta Instrument AB Stockholm
"""
VERSIONS = ["12.0.SP6", "syngo CT VA48A", "5.00.02", "14.0.0.3338", "453561726031__OS.12.676", "20150702", "3.6.7"]
CODES = ["T-28000", "110503003", "5.6.3-9-61", "FCR0217-0000", "DCM", "SCT", "99SDM", "19971101"]
MEANINGS = ["Hodgkin's disease", "Circle of Willis", "Towne projection", "Lung", "Foley catheter", "Cu^60^ ATSM"]


@pytest.mark.parametrize("text", STRANGERS)
def test_a_stranger_is_taken_out_of_a_text(text: str) -> None:
    assert without_strangers(text, Holds.TEXT) in ("", "12", "patient", "Head", "12 Avenue")


@pytest.mark.parametrize("text", [one.strip() for one in STAYING.split("|")])
def test_what_says_how_it_was_made_stays(text: str) -> None:
    assert without_strangers(text, Holds.TEXT) == text


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        *((text, Holds.VERSION) for text in VERSIONS),
        *((text, Holds.CODE) for text in CODES),
        *((text, Holds.MEANING) for text in MEANINGS),
    ],
)
def test_versions_codes_and_their_meanings_stay(text: str, holds: Holds) -> None:
    assert without_strangers(text, holds) == text


@pytest.mark.parametrize("holds", list(Holds))
@pytest.mark.parametrize(
    "text", ["Kowalski^Ursula", "Ursula Kowalski", "Dr. Zdrojewska", "MRN 774412", "a.b@example.org"]
)
def test_what_can_only_be_a_persons_goes_wherever_it_stands(text: str, holds: Holds) -> None:
    assert without_strangers(text, holds) == ""


def screened() -> list[str]:
    """The attributes of a plan in which strangers are looked for."""
    rules = trial_plan(trial()).rules.values()
    return sorted(rule.keyword for rule in rules if rule.action in (Action.SCREEN, Action.MEANING))


def test_no_attribute_that_is_kept_holds_a_stranger() -> None:
    """Each of them is planted, on the outermost level and in an item, and read back after both stages."""
    ds, item = ct_slice(), Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword in screened():
            for level in (ds, item):
                setattr(level, keyword, "Zbornak^Qwertine")
    ds.SourceImageSequence = Sequence([item])
    assert len(screened()) > 90
    assert b"Zbornak" in file_of(stage1(ds))
    for options in ((), ("clean_descriptors", "retain_full_dates", "retain_device_identity")):
        made = file_of(both_stages(ds, *options))
        assert b"Zbornak" not in made and b"Qwertine" not in made


def test_the_values_beside_a_stranger_keep_their_places() -> None:
    ds = ct_slice()
    ds.ConvolutionKernel = ["Br40d", "Ursula Kowalski", "3"]
    assert list(reread(both_stages(ds)).ConvolutionKernel) == ["Br40d", "", "3"]


def test_a_maker_of_whom_nothing_may_stay_becomes_a_dummy() -> None:
    ds = ct_slice()
    ds.Manufacturer = "Ursula Kowalski"
    assert reread(both_stages(ds)).Manufacturer == "REMOVED"


def test_a_rule_that_keeps_the_whole_text_has_to_say_why() -> None:
    ds = ct_slice()
    ds.ConvolutionKernel = "Kowalski kernel"
    keep = {"attribute": "ConvolutionKernel", "keep": True}
    with pytest.raises(Exception, match="because"):
        stage2(ds, definition=trial(profile={"options": [], "rules": [keep]}))
    told = trial(profile={"options": [], "rules": [keep | {"because": "A kernel of our own, named after a street."}]})
    assert reread(stage2(ds, definition=told)).ConvolutionKernel == "Kowalski kernel"


def test_words_that_the_trial_lets_stay_are_nobodys_names() -> None:
    ds = ct_slice()
    ds.ManufacturerModelName = "Kowalski Mark 2 scanner"
    assert "Kowalski" not in reread(both_stages(ds)).ManufacturerModelName
    allowed = trial(profile={"options": [], "descriptors": {"also": ["Kowalski Mark 2"]}})
    assert reread(stage2(ds, definition=allowed)).ManufacturerModelName == "Kowalski Mark 2 scanner"
    ds.ManufacturerModelName = "Kowalski Mark 2 of Ursula"
    assert reread(stage2(ds, definition=allowed)).ManufacturerModelName == "Kowalski Mark 2"


def test_another_list_of_names_is_another_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    from pacs2trial.profile import plan, vocabulary

    before = trial_plan(trial()).digest
    monkeypatch.setattr(vocabulary, "PERSON_NAMES", "tg263_names.txt")
    vocabulary.vocabulary_digest.cache_clear()
    try:
        assert plan.plan_with(trial(), frozenset()).digest != before
    finally:
        monkeypatch.undo()
        vocabulary.vocabulary_digest.cache_clear()


def values(ds: Dataset) -> Iterator[tuple[str, str]]:
    wanted = {tag_for_keyword(keyword) for keyword in screened()}
    for element in ds.iterall():
        if element.tag in wanted and element.value:
            several = element.value if isinstance(element.value, (list, MultiValue)) else [element.value]
            yield from ((element.keyword, str(one).strip()) for one in several)


def test_stage_one_leaves_these_texts_to_the_trial() -> None:
    assert Action.SCREEN not in {rule.action for rule in staging_plan().rules.values()}


def test_real_values_stay() -> None:
    """Of all different values in real files at most three in a hundred change."""
    found: set[tuple[str, str]] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in (path for root in (SHIPPED, SHARED) for path in root.rglob("*.dcm")):
            try:
                found.update(values(pydicom.dcmread(path, stop_before_pixels=True)))
            except (
                OSError,
                ValueError,
                TypeError,
                AttributeError,
                NotImplementedError,
                pydicom.errors.InvalidDicomError,
            ):
                continue
    changed = {
        (keyword, text)
        for keyword, text in found
        if without_strangers(text, Holds.MEANING if keyword == "CodeMeaning" else holds_of(keyword)) != text
    }
    assert len(found) > 200
    assert len(changed) < 0.03 * len(found), changed


def test_the_list_holds_names_and_no_terms() -> None:
    assert {"kowalski", "ursula", "smith", "john"} <= person_names()
    assert not {"siemens", "lung", "march", "philips", "vida", "person"} & person_names()
