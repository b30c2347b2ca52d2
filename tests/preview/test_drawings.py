"""What is drawn over images lies where the objects say: contours, isodose lines, and the order of images."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset

from pacs2trial.preview.contours import outlines
from pacs2trial.preview.isodose import isodoses
from pacs2trial.preview.plans import beams, histograms, prescribed_dose, roi_names
from pacs2trial.preview.stack import Plane, plane_of, stack
from support.hospital import small_study


@pytest.fixture(scope="module")
def study() -> dict[str, list[FileDataset]]:
    found: dict[str, list[FileDataset]] = {}
    for each in small_study(slices=5, matrix=64, dose_spacing=10.0):
        found.setdefault(str(each.Modality), []).append(each)
    return found


def images_of(study: dict[str, list[FileDataset]]) -> list[FileDataset]:
    frame = study["RTDOSE"][0].FrameOfReferenceUID
    return [each for each in study["CT"] if each.FrameOfReferenceUID == frame]


def planes_of(study: dict[str, list[FileDataset]]) -> list[Plane]:
    return [image.plane for image in stack(images_of(study)) if image.plane]


def test_images_come_in_the_order_in_which_they_lie(study: dict[str, list[FileDataset]]) -> None:
    objects = images_of(study)
    shuffled = [objects[place] for place in (3, 0, 4, 1, 2)]
    for number, one in enumerate(shuffled):
        one.InstanceNumber = number
    heights = [float(shuffled[image.of_object].ImagePositionPatient[2]) for image in stack(shuffled)]
    assert heights == sorted(heights)
    assert len(heights) == 5


def test_images_without_a_place_come_by_number() -> None:
    headers = []
    for number in (3, 1, 2):
        header = Dataset()
        header.Rows = header.Columns = 4
        header.InstanceNumber = number
        headers.append(header)
    assert [image.of_object for image in stack(headers)] == [1, 2, 0]


def test_a_point_comes_back_from_its_pixel(study: dict[str, list[FileDataset]]) -> None:
    plane = plane_of(images_of(study)[0])
    assert plane is not None
    columns, rows = np.array([0.0, 12.5, 63.0]), np.array([5.0, 0.0, 63.0])
    there_and_back = plane.pixels_of(plane.points_of(columns, rows))
    assert np.allclose(there_and_back, np.stack([columns, rows], axis=1))


def test_every_contour_is_drawn_on_the_image_it_names(study: dict[str, list[FileDataset]]) -> None:
    (structures,), objects = study["RTSTRUCT"], images_of(study)
    images = stack(objects)
    drawn = {outline.number: outline for outline in outlines(structures, planes_of(study))}
    for item in structures.ROIContourSequence:
        outline = drawn[int(item.ReferencedROINumber)]
        assert outline.name == roi_names(structures)[outline.number]
        for contour in item.get("ContourSequence") or ():
            named = contour.ContourImageSequence[0].ReferencedSOPInstanceUID
            places = [number for number, image in enumerate(images) if objects[image.of_object].SOPInstanceUID == named]
            points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
            header = objects[images[places[0]].of_object]
            spacing, origin = float(header.PixelSpacing[0]), [float(each) for each in header.ImagePositionPatient]
            columns = (points[:, 0] - origin[0]) / spacing
            paths = (outline.paths | outline.open_paths)[places[0]]
            assert any(np.allclose(path[::2], columns, atol=0.01) for path in paths if len(path) == 2 * len(columns))


def test_what_lies_on_no_image_is_counted(study: dict[str, list[FileDataset]]) -> None:
    (structures,) = study["RTSTRUCT"]
    drawn = outlines(structures, planes_of(study)[:1])
    outside = sum(outline.elsewhere for outline in drawn)
    inside = sum(len(paths) for outline in drawn for paths in (outline.paths | outline.open_paths).values())
    assert inside + outside == sum(len(item.get("ContourSequence") or ()) for item in structures.ROIContourSequence)
    assert outside > 0


def test_isodose_lines_are_where_the_dose_is(study: dict[str, list[FileDataset]]) -> None:
    (dose,) = study["RTDOSE"]
    grid = dose.pixel_array * float(dose.DoseGridScaling)
    planes = planes_of(study)
    made = isodoses(dose, grid, planes, None)
    assert made is not None
    assert made.reference == pytest.approx(grid.max(), abs=1e-3)
    own = [image.plane for image in stack([dose]) if image.plane]
    half = next(line for line in made.lines if line.share == 0.5)
    assert half.paths
    for place, paths in half.paths.items():
        for path in paths:
            points = planes[place].points_of(np.array(path[::2]), np.array(path[1::2]))
            inside = own[0].pixels_of(points)
            nearest = int(np.argmin([abs(plane.position - planes[place].position) for plane in own]))
            if abs(own[nearest].position - planes[place].position) > 0.01:
                continue
            columns, rows = inside[:, 0], inside[:, 1]
            left, top = np.floor(columns).astype(int), np.floor(rows).astype(int)
            left, top = left.clip(0, grid.shape[2] - 2), top.clip(0, grid.shape[1] - 2)
            across, down = columns - left, rows - top
            found = (
                grid[nearest, top, left] * (1 - across) * (1 - down)
                + grid[nearest, top, left + 1] * across * (1 - down)
                + grid[nearest, top + 1, left] * (1 - across) * down
                + grid[nearest, top + 1, left + 1] * across * down
            )
            assert np.allclose(found, half.level, atol=grid.max() * 0.05)


def test_a_plan_tells_its_beams_and_a_dose_its_histograms(study: dict[str, list[FileDataset]]) -> None:
    (plan,), (dose,), (structures,) = study["RTPLAN"], study["RTDOSE"], study["RTSTRUCT"]
    told = beams(plan)
    assert [beam.name for beam in told] == [str(beam.BeamName) for beam in plan.BeamSequence]
    assert all(beam.meterset and beam.gantry for beam in told)
    assert prescribed_dose(plan) == 60
    for one in histograms(dose, roi_names(structures)):
        assert one.name in roi_names(structures).values()
        assert one.unit == "Gy"
        shares = [share for _, share in one.points]
        assert max(shares) == 100
        assert shares == sorted(shares, reverse=True)
