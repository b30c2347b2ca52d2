"""Words that the standard itself puts into objects: a person may be called Head, and still have a head."""

from __future__ import annotations

import re
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+", text.lower()))


METHOD_WORDS: Final = _words(
    "basic application confidentiality profile option clean retain with pixel data recognizable visual features "
    "graphics structured content descriptors longitudinal temporal information full modified dates patient "
    "characteristics device institution identity uids safe private year birth kept great ages capped"
)
"""De-identification Method and the meanings of its codes (PS3.16 CID 7050, PS3.15 annex E)."""

CODE_WORDS: Final = _words(
    # Body Part Examined and laterality, PS3.16 annex L
    "abdomen adrenal ankle anus aorta arm axilla back bladder body bone bowel brain breast bronchus buttock calf "
    "cervix cheek chest chin clavicle coccyx colon ear elbow esophagus extremity eye face femur finger foot forearm "
    "gallbladder gland groin hand head heart hip ilium jaw kidney knee larynx leg limb lip liver lung mandible "
    "mediastinum mouth neck nose orbit ovary pancreas pelvis penis pharynx prostate rectum rib sacrum scalp scapula "
    "shoulder sinus skin skull spine spleen sternum stomach testis thigh thorax throat thumb thymus thyroid toe "
    "tongue tonsil trachea trunk ureter urethra uterus vagina vein vulva wrist whole left right both unpaired "
    # image types, positions, modalities' own terms, PS3.3 C.7.6, C.8
    "original derived primary secondary axial localizer reformatted average projection image volume none other "
    "sagittal coronal transverse oblique anterior posterior decubitus prone supine helical sequenced constant angle "
    "spin echo gradient recovery inversion segmented magnitude phase mixed field static dynamic cardiac gating "
    # radiotherapy, PS3.3 C.8.8
    "organ cavity marker bolus external support fixation contrast avoidance isocenter point line closed open planar "
    "nonplanar target treated gtv ctv ptv registration control beam plan dose physical effective fraction multi "
    "record approved rejected unapproved photon electron proton neutron ion treatment setup verification machine "
    "portal simulator radiograph drr blank fluence site coordinates volume primary boost curative palliative "
    "prophylactic block shielding aperture wedge standard dynamic motorized hard compensator collimator jaw tray "
    "cushion mask mold headframe clockwise counter"
)
"""Terms of coded strings (VR CS), as the standard defines them."""
