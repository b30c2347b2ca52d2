"""Proving a package against staging, vault and ledger; each proof fails for its own reason and tells no value."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from sqlalchemy import select

from pacs2trial.collect import PackageMade
from pacs2trial.errors import InputError, ProofError
from pacs2trial.vault.tables import (
    Disclosure,
    Instance,
    Judgement,
    PackageMember,
    PackageRow,
    PackageState,
    TrialInstance,
)
from pacs2trial.verify import verify_file
from pacs2trial.verify.origin import origin_of
from pacs2trial.verify.package import prove
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from support.hospital import FIRST_DAY, LUNG, MODALITIES, SECOND_DAY, Hospital, small_study
from support.packages import rewrite
from support.programs import need

PROOFS = ["completeness", "own identifiers", "links", "pixels", "files", "validity"]
ACCESSION = LUCZYNSKA.accession_number(FIRST_DAY)
ORIGINALS = (LUCZYNSKA.patient_id, LUCZYNSKA.other_id, ACCESSION, LUCZYNSKA.family, LUCZYNSKA.given)


@pytest.fixture
def package(hospital: Hospital) -> PackageMade:
    return hospital.package(LUNG, "LA-001")


def state_of(hospital: Hospital, package: PackageMade) -> str:
    with hospital.ws.vault.session(read_only=True) as session:
        return session.get_one(PackageRow, package.package_id).state


def planted(hospital: Hospital, package: PackageMade, modality: str, change: Callable[[Dataset], None]) -> str:
    """Change one object of a package as a broken stage 2 would have: zip, manifest and vault all agree.

    Returns:
        The name of its member.
    """
    changed: dict[str, tuple[int, str]] = {}

    def tamper(name: str, content: bytes) -> bytes:
        if name == "manifest.json":
            manifest = json.loads(content)
            for member in manifest["members"]:
                if member["name"] in changed:
                    member["size"], member["sha256"] = changed[member["name"]]
            return json.dumps(manifest).encode()
        if not name.endswith(".dcm"):
            return content
        dataset = pydicom.dcmread(io.BytesIO(content))
        if dataset.Modality != modality or changed:
            return content
        change(dataset)
        file = io.BytesIO()
        dataset.save_as(file)
        changed[name] = (len(file.getvalue()), hashlib.sha256(file.getvalue()).hexdigest())
        return file.getvalue()

    rewrite(package.path, tamper)
    (name,) = changed
    with hospital.ws.vault.session() as session:
        row = session.get_one(PackageRow, package.package_id)
        row.sha256 = hashlib.sha256(package.path.read_bytes()).hexdigest()
        row.content_digest = digest_of(package.path)
        member = session.scalars(
            select(PackageMember).where(PackageMember.package_id == row.id, PackageMember.name == name)
        ).one()
        member.sha256 = changed[name][1]
    return name


def digest_of(path: Path) -> str:
    """The content digest, computed once more: SHA-256 over the sorted lines of name and SHA-256."""
    lines = []

    def note(name: str, content: bytes) -> bytes:
        lines.append(f"{name} {hashlib.sha256(content).hexdigest()}\n")
        return content

    copy = path.with_suffix(".copy")
    shutil.copy(path, copy)
    rewrite(copy, note)
    copy.unlink()
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def failed(hospital: Hospital, package: PackageMade) -> dict[str, tuple[str, ...]]:
    """Findings by proof; that the inventory speaks of the object as it was before is left out."""
    proofs = prove(hospital.ws, origin_of(hospital.ws, package.package_id))
    found = {proof.name: proof.findings for proof in proofs if not proof.passed and proof.name != "files"}
    told = json.dumps(found)
    assert [value for value in ORIGINALS if value in told] == []
    return found


def test_a_good_package_passes_every_proof_and_is_verified(hospital: Hospital, package: PackageMade) -> None:
    proofs = hospital.verify(package)
    assert [proof.name for proof in proofs] == PROOFS
    assert all(proof.passed for proof in proofs)
    assert state_of(hospital, package) == PackageState.VERIFIED


def test_compressed_packages_per_study_pass_every_proof(hospital: Hospital) -> None:
    hospital.stage(small_study(when=SECOND_DAY))
    hospital.define(LUNG, package={"per": "study", "compression": "fast"})
    packages = hospital.collect(LUNG, "LA-001")
    assert len(packages) == 2
    for each in packages:
        assert all(proof.passed for proof in hospital.verify(each))


def test_a_good_package_passes_the_offline_proofs_too(package: PackageMade) -> None:
    assert [proof for proof in verify_file(package.path) if not proof.passed] == []


def test_receipt_tells_what_the_package_must_not_hold(hospital: Hospital, package: PackageMade) -> None:
    hospital.verify(package)
    receipt = json.loads(package.path.with_name(package.path.name + ".receipt.json").read_text())
    assert (receipt["sha256"], receipt["content_digest"]) == (package.sha256, package.content_digest)
    assert [proof["name"] for proof in receipt["proofs"] if proof["passed"]] == PROOFS
    assert [version["version"] for version in receipt["versions"]] == [1]
    assert receipt["inputs"]["origin"]["release"]
    assert receipt["verified_at"] > receipt["made_at"]


def test_receipt_of_a_new_version_tells_the_history(hospital: Hospital, package: PackageMade) -> None:
    hospital.verify(package)
    hospital.stage(small_study(when=SECOND_DAY))
    again = hospital.package(LUNG, "LA-001")
    path = again.path.with_name(again.path.name + ".receipt.json")
    assert not path.exists()
    hospital.verify(again)
    versions = json.loads(path.read_text())["versions"]
    assert [(each["version"], each["state"]) for each in versions] == [(1, "superseded"), (2, "verified")]


def test_originals_that_are_searched_are_a_disclosure(hospital: Hospital, package: PackageMade) -> None:
    hospital.verify(package)
    with hospital.ws.vault.session(read_only=True) as session:
        purposes = set(session.scalars(select(Disclosure.purpose).where(Disclosure.caller == "verify")))
    assert purposes == {f"own identifiers in package {package.package_id}"}


def test_a_package_that_was_touched_is_refused(hospital: Hospital, package: PackageMade) -> None:
    package.path.write_bytes(package.path.read_bytes() + b"\0")
    with pytest.raises(ProofError, match="the file is not the one that was collected"):
        hospital.verify(package)
    assert state_of(hospital, package) == PackageState.REFUSED


def test_a_lost_package_is_refused(hospital: Hospital, package: PackageMade) -> None:
    package.path.unlink()
    with pytest.raises(ProofError, match="no such file"):
        hospital.verify(package)


def test_a_refused_package_has_a_receipt_that_says_why(hospital: Hospital, package: PackageMade) -> None:
    planted(hospital, package, "CT", lambda dataset: setattr(dataset, "SeriesDescription", LUCZYNSKA.patient_id))
    with pytest.raises(ProofError):
        hospital.verify(package)
    receipt = json.loads(package.path.with_name(package.path.name + ".receipt.json").read_text())
    assert [proof["name"] for proof in receipt["proofs"] if not proof["passed"]] == ["own identifiers", "files"]


@pytest.mark.parametrize("value", [*ORIGINALS, "Luczynska", f"{LUCZYNSKA.birth_date:%Y%m%d}"])
def test_a_planted_identifier_is_found_in_the_header(hospital: Hospital, package: PackageMade, value: str) -> None:
    def change(dataset: Dataset) -> None:
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.SeriesDescription = f"see {value} again"

    name = planted(hospital, package, "CT", change)
    (finding,) = failed(hospital, package)["own identifiers"]
    assert finding.startswith(f"{name}: SeriesDescription holds ")


def test_a_name_that_nobody_knows_any_more_fails_closed(hospital: Hospital, package: PackageMade) -> None:
    with hospital.ws.vault.session() as session:
        for instance in session.scalars(select(Instance)):
            instance.facts_sealed = None
    (finding,) = failed(hospital, package)["own identifiers"]
    assert finding.startswith(f"{package.instances} objects came with a name that the vault does not hold")


def test_a_planted_name_is_found_in_a_sequence(hospital: Hospital, package: PackageMade) -> None:
    def change(dataset: Dataset) -> None:
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.StructureSetROISequence[1].ROIName = LUCZYNSKA.given

    name = planted(hospital, package, "RTSTRUCT", change)
    assert failed(hospital, package) == {
        "own identifiers": (f"{name}: StructureSetROISequence[2].ROIName holds a part of the name",)
    }


def test_an_original_uid_is_found_in_a_sequence(hospital: Hospital, package: PackageMade) -> None:
    original = str(small_study()[0].SOPInstanceUID)

    def change(dataset: Dataset) -> None:
        dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = original

    name = planted(hospital, package, "RTSTRUCT", change)
    path = "StructureSetROISequence[1].ReferencedFrameOfReferenceUID"
    assert failed(hospital, package)["own identifiers"] == (f"{name}: {path} holds an original UID",)


def test_a_link_broken_on_purpose_is_found(hospital: Hospital, package: PackageMade) -> None:
    def change(dataset: Dataset) -> None:
        dataset.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID = dataset.SOPInstanceUID

    name = planted(hospital, package, "RTPLAN", change)
    path = "ReferencedStructureSetSequence[1].ReferencedSOPInstanceUID"
    assert f"{name}: {path} no longer links as in staging" in failed(hospital, package)["links"]


def test_links_that_a_rule_of_the_trial_takes_away_are_said_and_fail_nothing(hospital: Hospital) -> None:
    rule = {"attribute": "ReferencedStructureSetSequence", "remove": True, "modality": "RTPLAN"}
    hospital.define(LUNG, profile={"rules": [rule]})
    proofs = prove(hospital.ws, origin_of(hospital.ws, hospital.package(LUNG, "LA-001").package_id))
    (links,) = (each for each in proofs if each.name == "links")
    assert links.passed
    assert links.findings == ("profile.rules[0] takes away 1 UID",)


def test_changed_pixels_are_found(hospital: Hospital, package: PackageMade) -> None:
    def change(dataset: Dataset) -> None:
        dataset.PixelData = b"\xff\x00" + dataset.PixelData[2:]

    name = planted(hospital, package, "CT", change)
    assert failed(hospital, package) == {"pixels": (f"{name}: pixel data differ from the staged object's",)}


def test_an_object_that_became_invalid_is_found(hospital: Hospital, package: PackageMade) -> None:
    need("dciodvfy")

    def change(dataset: Dataset) -> None:
        del dataset.PatientSex

    name = planted(hospital, package, "RTPLAN", change)
    assert [finding for finding in failed(hospital, package)["validity"] if name in finding and "PatientSex" in finding]


def test_without_a_validator_the_proof_says_so(
    hospital: Hospital, package: PackageMade, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    validity = hospital.verify(package)[-1]
    assert validity.passed
    assert validity.findings == ("not checked: dciodvfy is not installed",)


def test_a_member_that_differs_from_vault_and_manifest_is_found(hospital: Hospital, package: PackageMade) -> None:
    def tamper(name: str, content: bytes) -> bytes:
        return content[:-1] + bytes([content[-1] ^ 1]) if name.endswith(".dcm") else content

    rewrite(package.path, tamper)
    accept_file(hospital, package)
    findings = failed(hospital, package)["completeness"]
    assert len([each for each in findings if each.endswith("SHA-256 is not the one in the vault")]) == package.instances
    assert len([each for each in findings if each.endswith("not the one in the manifest")]) == package.instances


def test_a_manifest_that_was_changed_is_found(hospital: Hospital, package: PackageMade) -> None:
    rewrite(package.path, lambda name, content: content.replace(b"A sponsor", b"B sponsor"))
    accept_file(hospital, package)
    assert "manifest.json: its content digest is not the one in the vault" in failed(hospital, package)["completeness"]


def test_an_object_that_was_taken_out_is_found(hospital: Hospital, package: PackageMade) -> None:
    gone: list[str] = []

    def tamper(name: str, content: bytes) -> bytes | None:
        if gone or not name.endswith(".dcm"):
            return content
        gone.append(name)
        return None

    rewrite(package.path, tamper)
    accept_file(hospital, package)
    findings = failed(hospital, package)["completeness"]
    assert f"{gone[0]}: in the manifest, not in the zip" in findings
    assert f"{gone[0]}: in the vault, not in the zip" in findings


def accept_file(hospital: Hospital, package: PackageMade) -> None:
    """Let the vault believe that the file is the one that was collected, so that the finer proofs are reached."""
    with hospital.ws.vault.session() as session:
        row = session.get_one(PackageRow, package.package_id)
        row.sha256 = hashlib.sha256(package.path.read_bytes()).hexdigest()


def test_data_that_came_after_the_package_are_missed(hospital: Hospital, package: PackageMade) -> None:
    new = small_study(when=SECOND_DAY)
    hospital.stage(new)
    hospital.filter(LUNG, "LA-001")
    findings = failed(hospital, package)["completeness"]
    assert findings == (f"ledger: {len(new)} accepted objects are not in the package; collect again",)


def test_an_object_that_is_not_accepted_any_more_is_found(hospital: Hospital, package: PackageMade) -> None:
    with hospital.ws.vault.session() as session:
        row = session.scalars(select(TrialInstance).where(TrialInstance.trial == LUNG).limit(1)).one()
        row.state = Judgement.REJECTED
    (finding,) = failed(hospital, package)["completeness"]
    assert finding.endswith("not accepted any more, or staged anew; collect again")


def test_a_staged_file_that_was_changed_is_found(hospital: Hospital, package: PackageMade) -> None:
    staged = next(hospital.ws.settings.staging.rglob("*.dcm"))
    content = bytearray(staged.read_bytes())
    content[-1] ^= 1
    staged.write_bytes(content)
    assert any(
        "staged object that it was made of has changed" in each for each in failed(hospital, package)["completeness"]
    )


def test_a_staged_file_that_is_gone_fails_closed(hospital: Hospital, package: PackageMade) -> None:
    next(hospital.ws.settings.staging.rglob("*.dcm")).unlink()
    assert "completeness" in failed(hospital, package)


def test_packages_of_two_swapped_keys_pass_every_proof(hospital: Hospital, package: PackageMade) -> None:
    hospital.stage(small_study(OXENBARGER))
    hospital.enrol(LUNG, {"LA-001": OXENBARGER, "LA-002": LUCZYNSKA})
    for key in ("LA-001", "LA-002"):
        assert all(proof.passed for proof in hospital.verify(hospital.package(LUNG, key)))


def test_a_package_of_a_key_that_was_given_to_another_is_refused(hospital: Hospital, package: PackageMade) -> None:
    hospital.enrol(LUNG, {"LA-001": OXENBARGER, "LA-002": LUCZYNSKA})
    assert "completeness" in failed(hospital, package)


def test_a_superseded_package_cannot_be_verified(hospital: Hospital, package: PackageMade) -> None:
    hospital.stage(small_study(when=SECOND_DAY))
    hospital.package(LUNG, "LA-001")
    with pytest.raises(InputError, match="superseded"):
        hospital.verify(package)


def test_an_unknown_package_is_wrong_input(hospital: Hospital) -> None:
    with pytest.raises(InputError, match="not in the vault"):
        origin_of(hospital.ws, 4711)


def test_a_required_validity_that_cannot_be_checked_fails(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hospital.define(LUNG, package={"validity": "required"})
    package = hospital.package(LUNG, "LA-001")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert failed(hospital, package)["validity"] == (
        "not checked: dciodvfy is not installed, and the trial requires it (package.validity)",
    )


def test_what_the_trial_requires_and_the_subject_lacks_is_told(hospital: Hospital) -> None:
    source = {"pacs": "main", "modalities": [*MODALITIES, "MR"]}
    hospital.define(LUNG, source=source, filter={"require": {"modalities": ["CT", "MR"]}})
    completeness, *_ = hospital.verify(hospital.package(LUNG, "LA-001"))
    assert completeness.passed
    assert completeness.findings == ("MR: the trial requires it, the subject has none",)


def test_an_inventory_that_says_something_else_is_found(hospital: Hospital, package: PackageMade) -> None:
    rewrite(
        package.path,
        lambda name, content: content.replace(b",RTPLAN,", b",RTPLAM,") if name == "inventory.csv" else content,
    )
    accept_file(hospital, package)
    (files,) = (
        proof for proof in prove(hospital.ws, origin_of(hospital.ws, package.package_id)) if proof.name == "files"
    )
    assert "inventory.csv: SHA-256 or size is not the one in the manifest" in files.findings
    assert any("Modality" in finding for finding in files.findings)
