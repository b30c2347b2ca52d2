"""``verify_file``: what a receiver can prove of a package with nothing else in hand."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from pacs2trial.errors import InputError
from pacs2trial.verify import verify_file
from support.packages import HandMade, member_name, plain_objects

SECRET = "Planted^Marker"


def failed(path: Path) -> dict[str, tuple[str, ...]]:
    return {proof.name: proof.findings for proof in verify_file(path) if not proof.passed}


def slice_name() -> str:
    return min(name for name in plain_objects() if "/2.25.110/" in name)


def with_change(path: Path, change: Callable[[Dataset], None]) -> Path:
    """A package of which the first slice was changed before it was packed, so that the manifest agrees."""
    objects = plain_objects()
    change(objects[slice_name()])
    return HandMade.of(objects).write(path / "package.zip")


def test_a_good_package_passes_every_proof(tmp_path: Path) -> None:
    proofs = verify_file(HandMade.of(plain_objects()).write(tmp_path / "package.zip"))
    assert [proof.name for proof in proofs] == ["zip", "manifest", "readable", "identity", "links", "files"]
    assert all(proof.passed and not proof.findings for proof in proofs)


def test_a_file_that_is_no_zip_is_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "package.zip").write_bytes(b"no zip")
    with pytest.raises(InputError, match="no readable zip"):
        verify_file(tmp_path / "package.zip")


def test_an_absent_file_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        verify_file(tmp_path / "package.zip")


def test_a_changed_member_does_not_agree_with_the_manifest(tmp_path: Path) -> None:
    made = HandMade.of(plain_objects())
    name = slice_name()
    made.members[name] = made.members[name][:-1] + b"\7"
    assert failed(made.write(tmp_path / "p.zip")) == {
        "manifest": (f"{name}: SHA-256 or size is not the one in the manifest",)
    }


def test_a_missing_and_an_added_member_are_named(tmp_path: Path) -> None:
    made = HandMade.of(plain_objects())
    name = slice_name()
    added = name.replace("2.25.111", "2.25.999")
    made.members[added] = made.members.pop(name)
    assert set(failed(made.write(tmp_path / "p.zip"))["manifest"]) == {
        f"{name}: in the manifest, not in the zip",
        f"{added}: not in the manifest",
    }


def test_wrong_counts_in_the_manifest_are_found(tmp_path: Path) -> None:
    made = HandMade.of(plain_objects())
    made.manifest["counts"]["by_modality"]["CT"] = 3
    assert "counts.by_modality" in failed(made.write(tmp_path / "p.zip"))["manifest"][0]


def test_a_manifest_with_an_unknown_field_names_the_place_and_not_the_value(tmp_path: Path) -> None:
    made = HandMade.of(plain_objects())
    made.manifest["members"][0]["patient"] = SECRET
    (finding,) = failed(made.write(tmp_path / "p.zip"))["manifest"]
    assert "members.0.patient" in finding
    assert SECRET not in finding


def test_a_package_without_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(slice_name(), b"")
    assert failed(path) == {"manifest": ("manifest.json is not in the package",)}


def test_a_member_that_is_no_dicom_is_not_readable(tmp_path: Path) -> None:
    made = HandMade.of(plain_objects())
    made.members[slice_name()] = b"no DICOM"
    assert "readable" in failed(made.write(tmp_path / "p.zip"))


@pytest.mark.parametrize("keyword", ["PatientID", "PatientName", "ClinicalTrialSubjectID"])
def test_another_identity_than_the_subject_key_is_found_without_being_told(tmp_path: Path, keyword: str) -> None:
    findings = failed(with_change(tmp_path, lambda dataset: setattr(dataset, keyword, SECRET)))
    assert findings == {"identity": (f"{slice_name()}: {keyword} is not the subject key",)}


def test_an_object_that_does_not_say_that_it_was_deidentified_is_found(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        del dataset.PatientIdentityRemoved

    assert failed(with_change(tmp_path, change)) == {
        "identity": (f"{slice_name()}: PatientIdentityRemoved is not YES",)
    }


def test_an_object_that_stands_elsewhere_than_its_uids_say_is_found(tmp_path: Path) -> None:
    objects = plain_objects()
    name = slice_name()
    objects[name].SeriesInstanceUID = "2.25.777"
    assert failed(HandMade.of(objects).write(tmp_path / "p.zip")) == {
        "links": (f"{name}: does not stand where its UIDs say",)
    }


def test_one_instance_under_two_names_is_found(tmp_path: Path) -> None:
    objects = plain_objects()
    first, second = sorted(name for name in objects if "/2.25.110/" in name)
    objects[second] = objects[first]
    assert any(
        "same SOP Instance UID" in finding for finding in failed(HandMade.of(objects).write(tmp_path / "p"))["links"]
    )


def test_a_reference_with_another_class_than_its_object_has_is_found(tmp_path: Path) -> None:
    objects = plain_objects()
    (structures,) = (dataset for dataset in objects.values() if dataset.Modality == "RTSTRUCT")
    structures.ContourImageSequence[1].ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    findings = failed(HandMade.of(objects).write(tmp_path / "p.zip"))["links"]
    where = f"{member_name(structures)}: ContourImageSequence[2].ReferencedSOPInstanceUID"
    assert findings == (f"{where} names another SOP class than the object has",)


def test_references_out_of_the_package_are_told_and_fail_nothing(tmp_path: Path) -> None:
    objects = plain_objects()
    del objects[slice_name()]
    (links,) = (each for each in verify_file(HandMade.of(objects).write(tmp_path / "p.zip")) if each.name == "links")
    assert links.passed
    assert links.findings == ("1 references to objects that are not in the package, as in the source",)
