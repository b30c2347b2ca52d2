"""Invented patients. Nobody is called so: a search that finds one of these strings has found a leak."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Identity:
    """One hospital patient with everything about them that must stay inside the vault.

    ``name``, ``ideographic`` and ``phonetic`` are the component groups of a DICOM person name (PS3.5 6.2.1), each
    ``family^given^middle^prefix^suffix``. ``accession`` and ``study`` begin the accession number and Study ID of
    every study of this patient.
    """

    number: int
    name: str
    patient_id: str
    issuer: str
    other_id: str
    birth_date: date
    sex: str
    accession: str
    study: str
    address: str
    telephone: str
    mother: str
    referring: str
    physician: str
    operators: tuple[str, ...]
    ideographic: str = ""
    phonetic: str = ""
    character_set: str = "ISO_IR 192"

    @property
    def person_name(self) -> str:
        """The value of Patient's Name with all component groups that there are."""
        return f"{self.name}={self.ideographic}={self.phonetic}".rstrip("=")

    @property
    def family(self) -> str:
        return self.name.split("^")[0]

    @property
    def given(self) -> str:
        return self.name.split("^")[1]

    def accession_number(self, when: date) -> str:
        return f"{self.accession}-{when:%y%m%d}"

    def study_id(self, when: date) -> str:
        return f"{self.study}-{when:%y%m%d}"

    def age(self, when: date) -> str:
        """Patient's Age (AS) in years on the day ``when``."""
        birthday_to_come = (when.month, when.day) < (self.birth_date.month, self.birth_date.day)
        return f"{when.year - self.birth_date.year - birthday_to_come:03d}Y"


LUCZYNSKA = Identity(
    number=1,
    name="Łuczyńska-Quellmalz^Wiesława^Zdzisławka^Dr",
    patient_id="000QL47118",
    issuer="",
    other_id="BSNQ-558213407",
    birth_date=date(1951, 8, 23),
    sex="F",
    accession="ACQL77",
    study="SIDQL1",
    address="Zwetschgenallee 4177, Oberquellwinkel",
    telephone="+49-7755-0177413",
    mother="Przybyszewskaja^Bogumiłka",
    referring="Feuchtgruberin^Anneliese^^Dr.",
    physician="Ohnesorgius^Leberecht^^Prof.",
    operators=("Knöpflmacher^Rüdigerta", "Wachtelhuber^Ottokar"),
)
OXENBARGER = Identity(
    number=2,
    name="Öxenbärger^Jürgenfried^Thaddäusz^^MBE",
    patient_id="00815-ZQX",
    issuer="",
    other_id="NHSQ 943 476 5919",
    birth_date=date(1947, 2, 28),
    sex="M",
    accession="ACQX31",
    study="SIDQX2",
    address="Kirchtürmchenweg 8831, Niederfluhbach",
    telephone="+41-7755-0183229",
    mother="Hüttenrauchel^Mechthildis",
    referring="Brömmelkampf^Gottliebine^^Dr.",
    physician="Dünnwaldner^Kasimirus^^Dr.",
    operators=("Stößelbeck^Friedeborg",),
    character_set="ISO_IR 100",
)
VANDENBROUCKX = Identity(
    number=3,
    name="Vandenbrouckxs^Séraphinette^Eugéniane",
    patient_id="ZQ0099312",
    issuer="",
    other_id="NISSQ-66.01.05-284.73",
    birth_date=date(1966, 1, 5),
    sex="F",
    accession="ACQV58",
    study="SIDQV3",
    address="Rue du Chêne-Tordu 2960, Houffaliseux",
    telephone="+32-7755-0129601",
    mother="Delacroisetterie^Fanchonne",
    referring="Lepinçonnois^Théodorine^^Dr",
    physician="Grandjeannot^Évaristide^^Dr",
    operators=("Mouchetteau^Clovissant",),
    character_set="ISO_IR 100",
)
YAMASHIROGI = Identity(
    number=4,
    name="Yamashirogi^Tarōbeimon",
    ideographic="山城木^兵衛門",
    phonetic="やましろぎ",
    patient_id="0007-0420-91",
    issuer="",
    other_id="MYNQ-4821-7730-9154",
    birth_date=date(1939, 11, 30),
    sex="M",
    accession="ACQY04",
    study="SIDQY4",
    address="Kazahanacho 12-77-3, Tsukimigaoka",
    telephone="+81-7755-0140917",
    mother="Hinokizawara^Okikune",
    referring="Kuroganemaru^Hisanobuko^^Dr",
    physician="Aomidorikawa^Sayokichi^^Dr",
    operators=("Tsurukameda^Momozane",),
)
THRUMMINGTON = Identity(
    number=5,
    name="Thrummingtonby^Bartholomewe^Quillan",
    patient_id="QL47118",
    issuer="",
    other_id="HCNQ-7719-204-331",
    birth_date=date(1978, 6, 17),
    sex="M",
    accession="ACQT92",
    study="SIDQT5",
    address="Nettlewhistle Lane 9173, Lower Quagmirton",
    telephone="+44-7755-0159173",
    mother="Wimplestrawe^Hepzibeth",
    referring="Crumblethwayte^Jemimabel^^Dr",
    physician="Grimsditchley^Mortimus^^Dr",
    operators=("Featherstonehaughby^Primroseanne",),
    character_set="ISO_IR 100",
)

IDENTITIES = (LUCZYNSKA, OXENBARGER, VANDENBROUCKX, YAMASHIROGI, THRUMMINGTON)
"""All of them. The last takes part in no trial, and its patient ID is the first one's without leading zeros."""


def plain(text: str) -> str:
    """``text`` in ASCII as an ultrasound burns it in: accents gone, letters that have none replaced."""
    decomposed = unicodedata.normalize("NFKD", text.replace("Ł", "L").replace("ł", "l").replace("ß", "ss"))
    return decomposed.encode("ascii", "ignore").decode("ascii")


def planted_values(identity: Identity) -> tuple[str, ...]:
    """Every string about ``identity`` that must never be found outside the vault, longest first."""
    names = (identity.name, identity.ideographic, identity.phonetic, identity.mother, identity.referring)
    parts = {
        part
        for name in (*names, identity.physician, *identity.operators)
        for part in name.split("^")
        if len(part) > len("Prof.") or (part and not part.isascii())
    }
    parts |= {plain(part) for part in parts if plain(part)}
    born = identity.birth_date
    dates = {born.strftime(form) for form in ("%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")}
    return tuple(
        sorted(
            parts
            | dates
            | {identity.patient_id, identity.other_id, identity.accession, identity.study, identity.telephone}
            | {identity.address, *identity.address.split(", ")},
            key=lambda value: (-len(value), value),
        )
    )


def planted_in(data: bytes, *identities: Identity) -> tuple[str, ...]:
    """The planted values of ``identities`` that stand in ``data``, in UTF-8 or Latin-1, whatever their case.

    A value of digits alone counts only where no further digit touches it: a long random number, such as a UID made
    from a hash, may hold any birth date by chance.
    """
    haystack = data.lower()
    found = set()
    for value in {value for identity in identities for value in planted_values(identity)}:
        for needle in _encodings(value):
            pattern = rb"(?<!\d)" + needle + rb"(?!\d)" if value.isdigit() else re.escape(needle)
            if needle in haystack and re.search(pattern, haystack):
                found.add(value)
    return tuple(sorted(found))


def _encodings(value: str) -> set[bytes]:
    """``value`` as written, in small letters and in capitals; ASCII is made small as the haystack's is."""
    encoded = set()
    for spelling in (value, value.lower(), value.upper()):
        encoded.add(spelling.encode("utf-8").lower())
        if all(ord(letter) < 256 for letter in spelling):
            encoded.add(spelling.encode("latin-1").lower())
    return encoded
