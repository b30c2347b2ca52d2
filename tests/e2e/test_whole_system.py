"""The main job, whole: `make demo` as a newcomer runs it, then everything that must be true afterwards.

The system is started once for the module, in a home of its own, through the demo driver: a demo PACS, the receiver
and a real ``airflow standalone``.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pydicom
import pytest
from sqlalchemy import func, select

from pacs2trial.review import reviews
from pacs2trial.settings import Settings
from pacs2trial.staging.ledger import balance
from pacs2trial.vault.tables import Delivery, Instance, PackageRow
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import IDENTITIES, planted_values
from pacs2trial_demo.run import Demo, TrialRun
from support.leaks import original_uids, search
from support.programs import need
from support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(Settings(home=tmp_path_factory.mktemp("home"), receiver_port=0))
    try:
        demo.up()
        yield demo
    finally:
        demo.system.processes.stop_all()


@pytest.fixture(scope="module")
def workspace(demo: Demo) -> Workspace:
    return Workspace.open(demo.settings)


def packages(demo: Demo, trial: str) -> dict[str, Path]:
    folder = demo.settings.packages / trial
    return {path.name: path for path in sorted(folder.glob("*.zip"))}


def objects(path: Path) -> list[pydicom.Dataset]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dcm")]
        return [pydicom.dcmread(archive.open(name), force=True) for name in names]


def uids_of(datasets: list[pydicom.Dataset]) -> set[str]:
    found: set[str] = set()

    def note(_dataset: pydicom.Dataset, element: pydicom.DataElement) -> None:
        if element.VR == "UI" and element.value:
            values = [element.value] if isinstance(element.value, str) else element.value
            found.update(str(uid) for uid in values if not str(uid).startswith("1.2.840.10008."))

    for dataset in datasets:
        dataset.walk(note)
    return found


def test_every_subject_without_a_doubtful_image_has_a_package(demo: Demo, workspace: Workspace) -> None:
    for trial in ("DEMO-LUNG", "DEMO-PLAN"):
        rows = balance(workspace.vault, trial)
        assert rows
        for row in rows:
            delivered = [name for name in packages(demo, trial) if name.startswith(row.subject_key)]
            assert bool(delivered) is row.deliverable(), row
            assert row.failed == row.missing == 0, row


def test_the_ultrasound_is_held_encrypted_in_quarantine(demo: Demo, workspace: Workspace) -> None:
    held = [row for row in balance(workspace.vault, "DEMO-PLAN") if row.held]
    assert len(held) == 1
    assert [path for path in demo.settings.quarantine.rglob("*") if path.is_file()]
    for path in demo.settings.staging.rglob("*.dcm"):
        assert pydicom.dcmread(path, stop_before_pixels=True).Modality != "US"
    for path in demo.settings.quarantine.rglob("*"):
        assert not path.is_file() or b"DICM" not in path.read_bytes()[:4096]


def test_every_expected_instance_is_settled(workspace: Workspace) -> None:
    with workspace.vault.session() as session:
        states = dict(session.execute(select(Instance.state, func.count()).group_by(Instance.state)).all())
    assert set(states) <= {"staged", "quarantined"}, states


def test_rt_links_lead_to_objects_of_the_package(demo: Demo) -> None:
    for path in packages(demo, "DEMO-LUNG").values():
        datasets = objects(path)
        instances = {d.SOPInstanceUID for d in datasets}
        studies = {d.StudyInstanceUID for d in datasets}
        frames = {d.FrameOfReferenceUID for d in datasets if "FrameOfReferenceUID" in d}
        structures = [d for d in datasets if d.Modality == "RTSTRUCT"]
        assert structures
        for dataset in structures:
            for frame in dataset.ReferencedFrameOfReferenceSequence:
                assert frame.FrameOfReferenceUID in frames
                for study in frame.RTReferencedStudySequence:
                    assert study.ReferencedSOPInstanceUID in studies
                    for series in study.RTReferencedSeriesSequence:
                        for image in series.ContourImageSequence:
                            assert image.ReferencedSOPInstanceUID in instances
        for dataset in datasets:
            for plan in dataset.get("ReferencedRTPlanSequence", []):
                assert plan.ReferencedSOPInstanceUID in instances
            for structure in dataset.get("ReferencedStructureSetSequence", []):
                assert structure.ReferencedSOPInstanceUID in instances


def test_the_shared_patient_has_nothing_in_common_between_the_trials(demo: Demo) -> None:
    lung = [d for path in packages(demo, "DEMO-LUNG").values() for d in objects(path)]
    plan = [d for path in packages(demo, "DEMO-PLAN").values() for d in objects(path)]
    assert lung
    assert plan
    assert not uids_of(lung) & uids_of(plan)
    assert not {d.PatientID for d in lung} & {d.PatientID for d in plan}
    assert not {d.StudyID for d in lung if d.get("StudyID")} & {d.StudyID for d in plan if d.get("StudyID")}
    dates = [{str(d.get(a)) for d in side for a in ("StudyDate", "SeriesDate") if d.get(a)} for side in (lung, plan)]
    assert not dates[0] & dates[1]


def test_packages_open_in_another_reader(demo: Demo, tmp_path: Path) -> None:
    dcmdump = need("dcmdump")
    for path in [*packages(demo, "DEMO-LUNG").values(), *packages(demo, "DEMO-PLAN").values()]:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(tmp_path / path.stem)
        done = subprocess.run([dcmdump, "+sd", "+r", "-q", str(tmp_path / path.stem)], capture_output=True, check=False)
        assert b"W:" not in done.stderr
        assert b"E:" not in [line for line in done.stderr.splitlines() if b"manifest.json" not in line]


def test_a_second_run_makes_the_same_bytes_and_delivers_nothing_new(demo: Demo, workspace: Workspace) -> None:
    def state() -> tuple[dict[str, str], int, int]:
        digests = {
            str(path.relative_to(demo.settings.packages)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in demo.settings.packages.rglob("*.zip")
        }
        with workspace.vault.session() as session:
            return (
                digests,
                session.scalar(select(func.count()).select_from(Delivery)) or 0,
                session.scalar(select(func.count()).select_from(PackageRow)) or 0,
            )

    before = state()
    demo.run_trials({"remake": "everything"})
    assert state() == before
    for path in list(demo.settings.packages.rglob("*.zip")):
        path.unlink()
    demo.run_trials()
    assert state() == before


def test_verify_accepts_each_package_offline(demo: Demo) -> None:
    for trial in ("DEMO-LUNG", "DEMO-PLAN"):
        for path in packages(demo, trial).values():
            program = Path(sys.executable).parent / "pacs2trial"
            done = subprocess.run([program, "verify", path], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr


def test_nothing_that_was_written_outside_the_vault_names_a_patient(demo: Demo) -> None:
    home = demo.settings.home
    vault = [home / name for name in ("vault.db", "vault.db-wal", "vault.db-shm", "secret.json", "keys")]
    the_pacs_itself = [home / "demo" / "pacs", home / "demo" / "downloads"]
    planted = {value for identity in IDENTITIES for value in planted_values(identity)}
    uids = original_uids(home / "demo" / "pacs")
    assert len(uids) > 100
    assert not search(home, planted, uids, leave_out=[*vault, *the_pacs_itself])


def test_the_vault_holds_no_patient_in_clear(demo: Demo) -> None:
    planted = {value for identity in IDENTITIES for value in planted_values(identity)}
    everything_else = [path for path in demo.settings.home.iterdir() if not path.name.startswith("vault.db")]
    assert not search(demo.settings.home, planted, [], leave_out=everything_else)


def test_dicomweb_asks_for_the_login_of_airflow(demo: Demo) -> None:
    for scope in ("DEMO-LUNG", "STAGING"):
        answer = httpx.get(f"{demo.system.airflow_url}/pacs2trial/dicomweb/{scope}/studies", timeout=60)
        assert answer.status_code == 401


def test_a_hospital_id_typed_as_subject_is_refused_before_it_is_stored(demo: Demo) -> None:
    rest = demo.system.rest()
    rest.log_in()
    with pytest.raises(Exception, match="400"):
        rest.trigger("trial_DEMO-LUNG", {"subjects": [IDENTITIES[0].patient_id]})


def test_a_dry_run_counts_and_does_nothing(demo: Demo) -> None:
    rest = demo.system.rest()
    rest.log_in()
    run = TrialRun("DEMO-LUNG", rest.trigger("trial_DEMO-LUNG", {"dry_run": True}))
    demo.follow(rest, [run])
    states = {t["task_id"]: t["state"] for t in rest.task_instances(run.dag_id, run.run_id)}
    assert states["plan"] == "success"
    assert {state for task, state in states.items() if "retrieve" in task} <= {"skipped"}


def page(demo: Demo, path: str, form: dict[str, object] | None = None) -> httpx.Response:
    """A page of the plugin, or its answer to a form, for the demo's user."""
    base = demo.system.airflow_url
    with httpx.Client(base_url=f"{base}/pacs2trial/pages", timeout=60) as client:
        login = {"username": "admin", "password": demo.system.password}
        token = client.post(f"{base}/auth/token", json=login).json()["access_token"]
        client.headers.update({"Authorization": f"Bearer {token}", "Origin": base})
        answer = client.get(path) if form is None else client.post(path, data=form)
    assert answer.status_code in (200, 303), answer.text
    return answer


def test_what_was_approved_is_sent_and_what_was_rejected_never_is(demo: Demo, workspace: Workspace) -> None:
    """One prompt for both subjects, answered on the pages, carried out by the real scheduler."""
    rest, outbox = demo.system.rest(), demo.settings.home / "delivered" / "demo-review"
    rest.log_in()
    items = {one.subject_key: one for one in reviews(workspace, "DEMO-REVIEW")}
    assert set(items) == {"DR-001", "DR-002"}
    assert not outbox.exists()
    (prompt,) = {one.prompt for one in items.values()}
    eventually(lambda: rest.run_state("review_DEMO-REVIEW", prompt) == "running", seconds=60)

    for key, verb in (("DR-001", "reject"), ("DR-002", "approve")):
        form = {
            "verb": verb,
            "content": items[key].content_digest,
            "reason": "other-patient" if verb == "reject" else "",
        }
        page(demo, f"/trials/DEMO-REVIEW/reviews/{key}", form)
    eventually(lambda: rest.run_state("review_DEMO-REVIEW", prompt) in {"success", "failed"}, seconds=120)

    assert {path.name for path in outbox.iterdir()} == {"DR-002.zip"}
    run = TrialRun("DEMO-REVIEW", rest.trigger("trial_DEMO-REVIEW"))
    demo.follow(rest, [run])
    assert {path.name for path in outbox.iterdir()} == {"DR-002.zip"}
    with workspace.vault.session(read_only=True) as session:
        sent = session.scalars(select(Delivery.content_digest).where(Delivery.trial == "DEMO-REVIEW")).all()
    assert sent == [items["DR-002"].content_digest]
