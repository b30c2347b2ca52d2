"""Words that name nobody stay, others go."""

from __future__ import annotations

import pytest

from pacs2trial.profile.descriptors import safe_part
from pacs2trial.profile.vocabulary import Vocabulary
from pacs2trial.trials.definition import RoiNames
from support.descriptions import DESCRIPTIONS

VOCABULARY = Vocabulary(RoiNames(also=("Zielgebiet A",)))


@pytest.mark.parametrize(
    "text",
    [
        "CT HEAD W/O CONTRAST",
        "MR Pelvis 3T",
        "C-spine lateral",
        "Thorax 1.0 B30f",
        "T1 mprage sag p2 iso",
        "VMAT Lung 60Gy/30fx",
        "Abdomen portal venous phase 5mm",
        "PET WB FDG 60min",
        "prostate IMRT boost",
    ],
)
def test_safe_descriptions_stay_as_they_are(text: str) -> None:
    assert safe_part(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Thorax Smith 5.0mm", "Thorax 5.0mm"),
        ("CT Thorax for Dr Jones, Leeds", "CT Thorax"),
        ("born 12/03/1961 lung", "lung"),
        ("lung 2019-03-12", "lung"),
        ("call 0113 555 1234", ""),
        ("MRN 12345678", ""),
        ("Müller Thorax", "Thorax"),
        ("Grüße", ""),
        ("", ""),
    ],
)
def test_the_rest_goes(text: str, left: str) -> None:
    assert safe_part(text) == left


@pytest.mark.parametrize(
    "name",
    [
        "GTVp",
        "PTV_High_7000",
        "Lung_L",
        "SpinalCord_PRV05",
        "BODY",
        "z_Opt_Rectum",
        "FemoralHead_R",
        "Lungs-GTV",
        "CTVn_L",
        "PTV60",
        "Glnd_Parotid_L",
        "BrainStem",
        "Zielgebiet A",
        "ITV_MIP",
        "Bladder",
    ],
)
def test_structure_names_that_stay(name: str) -> None:
    assert VOCABULARY.allows_roi_name(name)


@pytest.mark.parametrize(
    "name", ["Smith", "Smith_Lung", "GTV John", "ptv 19610407", "Zielgebiet B", "Lunge Müller", "", "_"]
)
def test_structure_names_that_do_not(name: str) -> None:
    assert not VOCABULARY.allows_roi_name(name)


def test_a_trial_may_allow_its_own_list_only() -> None:
    own = Vocabulary(RoiNames(allow="none", also=("GTV_4DCT",)))
    assert own.allows_roi_name("GTV_4DCT")
    assert not own.allows_roi_name("GTVp")


def test_the_descriptions_of_the_corpus_stay_in_a_trial() -> None:
    changed = [text for text in DESCRIPTIONS if safe_part(text) != text]
    assert len(changed) / len(DESCRIPTIONS) < 0.02, changed
