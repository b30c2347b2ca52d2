"""Measured: what is safe stays for patients whose names are words, and nothing that was planted is left."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pacs2trial.deidentify.folding import folded
from pacs2trial.deidentify.harvest import BIRTH_DATE, IDENTIFIER, NAME, PHONE
from pacs2trial.deidentify.identifiers import OwnIdentifiers, own_identifiers
from pacs2trial.deidentify.redaction import redacted
from pacs2trial.profile.vocabulary import everyday_words, name_cues, name_particles, safe_words
from support.descriptions import DESCRIPTIONS

UTF8 = b"ISO_IR 192"
WORD_NAMES = (
    *(
        "Gray^May",
        "May^Iris",
        "Lung^Rose",
        "Young^Max",
        "Bone^John",
        "Head^Susan",
        "Stern^Bo",
        "White^Jack",
        "Long^Ann",
    ),
    *("Brown^Art", "Short^Mark", "Cross^Grace", "Hand^Will", "Field^Holly", "Colon^Kaitlyn", "Kopf^Eva", "Hals^Jan"),
    *("Heart^Frank", "Small^Dean", "Early^June", "Ring^Per", "Stone^Ruby", "Li^An", "Ng^Al", "Rib^Tim"),
)


def own(*names: str, ids: tuple[str, ...] = (), born: str = "", phone: str = "") -> OwnIdentifiers:
    harvest = [(NAME, UTF8, name.encode()) for name in names] + [(IDENTIFIER, UTF8, one.encode()) for one in ids]
    harvest += [(BIRTH_DATE, b"", born.encode())] if born else []
    return own_identifiers(harvest + ([(PHONE, b"", phone.encode())] if phone else []))


def test_ordinary_names_cost_no_description() -> None:
    found = own("Kowalczyk^Zoltan", "Smith^John", "Müller^Hans-Peter", ids=("XK-77123", "0012345"), born="19610407")
    assert [text for text in DESCRIPTIONS if found.stands_in(text)] == []


def test_names_that_are_words_cost_few_descriptions() -> None:
    lost = {(name, text) for name, text in product(WORD_NAMES, DESCRIPTIONS) if own(name).stands_in(text)}
    rate = 1 - len(lost) / (len(WORD_NAMES) * len(DESCRIPTIONS))
    assert rate > 0.995, sorted(lost)


TEMPLATES = (
    *(
        "{family} {given}",
        "{given} {family}",
        "{family}, {given}",
        "{family}^{given}",
        "{initial}. {family}",
        "{family} {initial}",
    ),
    *(
        "plan {given} {family} 2",
        "CT Thorax {family}_{given} 5mm",
        "Dr {family}",
        "Mrs {family}",
        "{given}{family}",
        "{family}{given}",
    ),
)
SIDES = {"r", "l"}
"""Initials that are sides as well."""


def test_planted_names_that_are_words_are_never_left() -> None:
    left = []
    for name, template in product(WORD_NAMES, TEMPLATES):
        family, given_name = name.split("^")
        if "{initial}" in template and given_name[0].lower() in SIDES:
            continue
        if max(len(family), len(given_name)) < 3 and "Dr" not in template and "{initial}" in template:
            continue
        text = template.format(family=family, given=given_name, initial=given_name[0])
        for cased in (text, text.upper(), text.lower()):
            rest = folded(redacted(cased, own(name), ()))
            if family.lower() in re.findall(r"[a-z]+", rest) or given_name.lower() in re.findall(r"[a-z]+", rest):
                left.append((name, cased, rest))
    assert left == []


# ---- whatever the name, however it is written ----------------------------------------------------------------------

LETTERS = "abcdefghijklmnopqrstuvwxyzäöüéèçñåøłšžőğ"
NO_NAME = safe_words() | everyday_words() | name_cues() | name_particles()
part = st.text(LETTERS, min_size=3, max_size=12).filter(
    lambda text: len(folded(text)) >= 3 and folded(text) not in NO_NAME
)
safe = st.sampled_from(("CT", "Thorax", "5mm", "lung", "b30f", "VMAT", "", "head first", "60Gy"))
between = st.sampled_from((" ", "_", "-", ", ", "/", ".", " ("))
cased = st.sampled_from((str.upper, str.lower, str.title, lambda text: text))


def bare(text: str) -> str:
    """Letters without marks, the German way not used."""
    plain = unicodedata.normalize("NFKD", text.translate(str.maketrans("øł", "ol")))
    return "".join(c for c in plain if not unicodedata.combining(c))


@settings(max_examples=400, deadline=None)
@given(part, part, safe, safe, between, between, cased, st.sampled_from((bare, lambda text: text)), st.integers(0, 4))
def test_no_planted_name_survives(
    family: str, given_name: str, before: str, after: str, left: str, right: str, case, fold, way: int
) -> None:
    forms = (
        family,
        given_name,
        f"{given_name}{left}{family}",
        f"{family}{given_name}",
        f"{given_name[0]}{left}{family}",
    )
    text = f"{before}{left}{case(fold(forms[way]))}{right}{after}"
    rest = folded(redacted(text, own(f"{family}^{given_name}"), ()))
    words = set(re.findall(r"[^\W\d_]+", rest))
    assert not words & {folded(family), folded(given_name)}
    assert way == 1 or len(folded(family)) < 5 or folded(family) not in "".join(words)


@settings(max_examples=200, deadline=None)
@given(
    st.text("ABCDEFGHXYZ0123456789", min_size=4, max_size=12).filter(lambda text: sum(c.isdigit() for c in text) > 1),
    safe,
    between,
    cased,
    st.sampled_from(("", " ", "-", ".", "_")),
)
@example("B100", "CT", " ", str.upper, "")
def test_no_planted_id_survives(identifier: str, before: str, left: str, case, joint: str) -> None:
    bare_id = identifier.lstrip("0") if identifier.isdigit() else identifier
    joined_at_will = len(bare_id) >= 5 and not (identifier.isdigit() and joint == ".")
    written = joint.join(identifier) if joined_at_will else identifier
    rest = folded(redacted(f"{before}{left}{case(written)} {before}", own("Doe^Jane", ids=(identifier,)), ()))
    if len(bare_id) >= 3:
        assert identifier.lower() not in re.sub(r"[\s._/-]", "", rest).replace(before.lower(), "")


@settings(max_examples=100, deadline=None)
@given(
    st.dates(min_value=date(1900, 1, 1)),
    st.sampled_from(
        ("%Y%m%d", "%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d", "%d %b %Y", "%d. %B %Y", "%B %d, %Y", "%d%b%Y", "%d-%m-%y")
    ),
    safe,
)
def test_no_planted_birth_date_survives(day, form: str, before: str) -> None:
    found = own("Doe^Jane", born=f"{day:%Y%m%d}")
    assert found.stands_in(f"{before} {day.strftime(form)}")


@pytest.mark.parametrize("count", [0, 3])
def test_the_quick_look_misses_nothing(count: int) -> None:
    """What is found in a text is suspected in it, alone and among others."""
    for name, template in product(WORD_NAMES, TEMPLATES):
        family, given_name = name.split("^")
        text = template.format(family=family, given=given_name, initial=given_name[0])
        found = own(name)
        together = "\n".join([*DESCRIPTIONS[:count], text, *DESCRIPTIONS[count : 2 * count]])
        assert found.may_stand_in(folded(together)) or not found.stands_in(text)
