"""The inventory of a package: one row a series and one an instance, of what stands in the objects."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pacs2trial.collect.columns import COLUMNS
from pacs2trial.collect.inventory import all_rows, csv_bytes, parquet_bytes
from support.hospital import LUNG, Hospital
from support.packages import objects_of

ROWS = all_rows(
    tuple({"level": "instance", "SeriesInstanceUID": "1.2", "SOPInstanceUID": uid, "size": 10, "instances": 1,
           "SliceThickness": 2.5, "StudyDate": "2024-01-31", "StudyDescription": "=1+1", "Rows": rows}.get(column.name)
          for column in COLUMNS)
    for uid, rows in (("1.2.3", 512), ("1.2.4", 256))
)  # fmt: skip


def read(package: Path) -> pd.DataFrame:
    with zipfile.ZipFile(package) as archive:
        return pd.read_parquet(io.BytesIO(archive.read("inventory.parquet")))


def test_there_is_a_row_for_each_series_and_one_for_each_instance(hospital: Hospital) -> None:
    package = hospital.package(LUNG, "LA-001").path
    rows, objects = read(package), objects_of(package)
    instances = rows[rows.level == "instance"]
    assert set(instances.SOPInstanceUID) == {str(each.SOPInstanceUID) for each in objects}
    series = rows[rows.level == "series"].set_index("SeriesInstanceUID").instances
    assert series.to_dict() == instances.groupby("SeriesInstanceUID").size().to_dict()


def test_cells_are_what_stands_in_the_objects(hospital: Hospital) -> None:
    package = hospital.package(LUNG, "LA-001").path
    rows = read(package).set_index("SOPInstanceUID")
    for each in objects_of(package):
        row = rows.loc[str(each.SOPInstanceUID)]
        assert row.Modality == each.Modality
        assert row.SOPClassUID == each.SOPClassUID
        assert f"{row.StudyDate:%Y%m%d}" == each.StudyDate
        assert row.sop_class == each.SOPClassUID.name
    by_modality = rows.set_index("Modality")
    structures = next(each for each in objects_of(package) if each.Modality == "RTSTRUCT")
    plan = next(each for each in objects_of(package) if each.Modality == "RTPLAN")
    assert by_modality.loc["RTSTRUCT"].dropna(subset=["member"]).roi_names.item() == "\\".join(
        dict.fromkeys(item.ROIName for item in structures.StructureSetROISequence)
    )
    assert set(by_modality.loc["RTPLAN"].refers_to_structure_set) == {str(structures.SOPInstanceUID)}
    assert set(by_modality.loc["RTDOSE"].refers_to_plan) == {str(plan.SOPInstanceUID)}


def test_csv_and_parquet_say_the_same(hospital: Hospital) -> None:
    with zipfile.ZipFile(hospital.package(LUNG, "LA-001").path) as archive:
        table = pq.read_table(io.BytesIO(archive.read("inventory.parquet")))
        text = archive.read("inventory.csv").decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    told = [{name: "" if cell is None else str(cell) for name, cell in row.items()} for row in table.to_pylist()]
    assert told == rows


def test_bytes_are_those_that_were_promised() -> None:
    digests = [hashlib.sha256(made(ROWS)).hexdigest()[:16] for made in (csv_bytes, parquet_bytes)]
    assert digests == ["a37e6708651801fd", "fafceeb5e754a569"]


def test_no_writer_stands_in_the_parquet_file() -> None:
    content = parquet_bytes(ROWS)
    assert pq.ParquetFile(io.BytesIO(content)).metadata.created_by == "pacs2trial"
    assert b"arrow" not in content.lower()


def test_row_of_a_series_has_what_its_instances_agree_on() -> None:
    (series, *_), names = ROWS, [column.name for column in COLUMNS]
    told = dict(zip(names, series, strict=True))
    assert (told["level"], told["instances"], told["size"]) == ("series", 2, 20)
    assert (told["SliceThickness"], told["Rows"], told["SOPInstanceUID"]) == (2.5, None, None)


def test_no_cell_is_calculated_by_a_spreadsheet() -> None:
    (_, *rows) = csv.reader(io.StringIO(csv_bytes(ROWS).decode()))
    place = [column.name for column in COLUMNS].index("StudyDescription")
    assert {row[place] for row in rows} == {"'=1+1"}


def test_an_inventory_without_rows_can_be_read() -> None:
    assert pq.read_table(io.BytesIO(parquet_bytes([]))).num_rows == 0


@pytest.mark.parametrize("name", [column.name for column in COLUMNS if column.path and column.name[0].isupper()])
def test_columns_in_capitals_are_keywords_of_the_dictionary(name: str) -> None:
    from pydicom.datadict import tag_for_keyword

    (column,) = [each for each in COLUMNS if each.name == name]
    assert tag_for_keyword(name) == column.path[-1]
