from __future__ import annotations

from pacs2trial.storage import receipt_name


def test_receipt_lies_beside_the_package() -> None:
    assert receipt_name("LUNGART/LA-001.zip") == "LUNGART/LA-001.zip.receipt.json"
