"""The queries of the ledger on each kind of database, and what showing a large object takes of memory."""

from __future__ import annotations

import tracemalloc
from datetime import date

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from pacs2trial.holdings.ledger import Entity, Ledger, Narrowing
from pacs2trial.holdings.levels import Level
from pacs2trial.holdings.search import contents
from pacs2trial.holdings.view import Views
from pacs2trial.network.identifier import identifier
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import Vault
from support.hospital import LUNG, Hospital, small_study

EVERYTHING = Narrowing(
    owners=("A",),
    studies=("1.2",),
    series=("1.3",),
    sop_instances=("1.4",),
    modalities=("CT",),
    modalities_in_study=("MR",),
    sop_classes=("1.5",),
    dates=(date(2024, 1, 1), date(2024, 12, 31)),
)
LARGE = 16 << 20


@pytest.mark.parametrize("ledger", [Ledger(), Ledger(LUNG)], ids=["staging", "trial"])
def test_every_query_is_understood_by_the_database(vault: Vault, ledger: Ledger) -> None:
    with vault.session(read_only=True) as session:
        for level in Level:
            entity = Entity(("A", "1.2", "1.3", "1.4")[: level + 1], 1)
            for narrowing in (Narrowing(), EVERYTHING):
                assert ledger.entities(session, level, narrowing, limit=3, offset=1) == []
            assert ledger.totals(session, level, [entity]) == {}
        assert ledger.contents(session, [1, 2]) == {}
        assert ledger.all_contents(session, EVERYTHING) == []


def test_showing_a_large_object_keeps_no_copy_of_it(hospital: Hospital) -> None:
    (image,) = small_study(parts={"CT"}, slices=1)
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.Rows, image.Columns = 4096, 2048
    image.PixelData = bytes(LARGE)
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.8.498.77"
    hospital.stage([image])
    hospital.filter(LUNG, "LA-001")
    for scope in (STAGING, LUNG):
        view = Views(hospital.ws).of(scope)
        held = [content for content in contents(view, identifier("IMAGE")) if content.modality == "CT"]
        view.object_of(held[0])
        tracemalloc.start()
        try:
            sizes = [sum(map(len, view.object_of(content).file())) for content in held]
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert max(sizes) > LARGE
        assert peak < LARGE / 2
