"""Planted values are found where they stand, and only there."""

from datetime import date

import pytest

from pacs2trial_demo.identities import IDENTITIES, LUCZYNSKA, OXENBARGER, THRUMMINGTON, planted_in, planted_values


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: str(identity.number))
def test_every_name_id_and_date_of_a_patient_is_planted(identity):
    values = set(planted_values(identity))
    assert {identity.family, identity.given, identity.patient_id, identity.other_id} <= values
    assert {f"{identity.birth_date:%Y%m%d}", f"{identity.birth_date:%d.%m.%Y}"} <= values
    assert all(identity.accession_number(date(2024, 3, 13)).startswith(prefix) for prefix in [identity.accession])


def test_no_value_belongs_to_two_patients():
    values = [value for identity in IDENTITIES for value in planted_values(identity)]
    assert len(values) == len(set(values))


def test_accession_numbers_fit_their_value_representation():
    assert all(len(identity.accession_number(date(2024, 12, 31))) <= 16 for identity in IDENTITIES)


def test_the_unenrolled_patient_has_an_enrolled_ones_id_without_zeros():
    assert LUCZYNSKA.patient_id.lstrip("0") == THRUMMINGTON.patient_id


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (". ÖXENBÄRGER .".encode(), {"Öxenbärger"}),
        (". öxenbärger .".encode("latin-1"), {"Öxenbärger"}),
        (b"Oxenbarger", {"Oxenbarger"}),
        (b"born 19470228.", {"19470228"}),
        (b"2.25.8319470228114", set()),
        (b"00815-ZQX", {"00815-ZQX"}),
        (b"nothing of anybody", set()),
    ],
)
def test_a_search_finds_what_is_there(data, found):
    assert set(planted_in(data, OXENBARGER)) == found


def test_age_counts_whole_years():
    assert LUCZYNSKA.age(date(2024, 8, 22)) == "072Y"
    assert LUCZYNSKA.age(date(2024, 8, 23)) == "073Y"
