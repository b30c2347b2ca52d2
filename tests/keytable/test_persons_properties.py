"""Whatever a sequence of right key tables says: who is who follows the last one, and dates stay with the patient."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs2trial.keytable import KeyTableRow, enrolled, import_key_table
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault import Vault

PATIENTS = [f"P{number}" for number in range(5)]
KEYS = [f"LA-{number:03d}" for number in range(5)]

tables = st.dictionaries(st.sampled_from(PATIENTS), st.sampled_from(KEYS), min_size=1)
"""Which key each patient ID has; several of one key are main ID and aliases, in alphabetical order."""


def rows(table: dict[str, str]) -> list[KeyTableRow]:
    seen: set[str] = set()
    found = []
    for number, (patient, key) in enumerate(sorted(table.items()), start=2):
        found.append(KeyTableRow(number, patient, key, alias=key in seen))
        seen.add(key)
    return found


@contextmanager
def new_vault(home_as_made: Path) -> Iterator[Vault]:
    folder = Path(tempfile.mkdtemp())
    try:
        shutil.copytree(home_as_made, folder / "home")
        vault = Vault.open(Settings(home=folder / "home", durable=False))
        yield vault
        vault.close()
    finally:
        shutil.rmtree(folder)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=st.lists(tables, min_size=1, max_size=4))
def test_who_is_who_follows_the_last_table(
    home_as_made: Path, trial: TrialDefinition, sequence: list[dict[str, str]]
) -> None:
    with new_vault(home_as_made) as vault:
        for table in sequence:
            import_key_table(vault, trial, rows(table), actor="ann")
            subjects = {each.subject_key: each for each in enrolled(vault, trial.trial)}
            assert set(subjects) == set(table.values())
            assert len({each.person_id for each in subjects.values()}) == len(subjects)
            for patient, key in table.items():
                assert vault.identities.patient("", patient).person_id == subjects[key].person_id


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=st.lists(tables, min_size=1, max_size=4))
def test_another_trial_keeps_its_persons_apart_and_its_dates(
    home_as_made: Path, trial: TrialDefinition, other_trial: TrialDefinition, sequence: list[dict[str, str]]
) -> None:
    """PELVIC knows P0 and P1 as two subjects; whatever LUNGART says, if it is taken, leaves them so."""
    with new_vault(home_as_made) as vault:
        import_key_table(vault, other_trial, rows({"P0": "PV-000", "P1": "PV-001"}), actor="ann")
        shifts = [vault.date_shift(each.person_id, "PELVIC") for each in enrolled(vault, "PELVIC")]
        for table in sequence:
            if table.get("P0") == table.get("P1") is not None:
                continue
            import_key_table(vault, trial, rows(table), actor="ann")
            there = enrolled(vault, "PELVIC")
            assert [vault.date_shift(each.person_id, "PELVIC") for each in there] == shifts
            for patient, subject in zip(["P0", "P1"], there, strict=True):
                assert vault.identities.patient("", patient).person_id == subject.person_id
